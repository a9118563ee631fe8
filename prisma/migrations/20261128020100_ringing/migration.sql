-- AlterTable
ALTER TABLE "Participant" ADD COLUMN "silent" BOOLEAN;

-- CreateTable
CREATE TABLE "Block" (
    "userId" TEXT NOT NULL,
    "blockedId" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "Block_pkey" PRIMARY KEY ("userId","blockedId")
);

-- CreateIndex
CREATE INDEX "Block_blockedId_idx" ON "Block"("blockedId");

-- CreateIndex
CREATE INDEX "Room_callerId_status_idx" ON "Room"("callerId", "status");

-- What stands in the way of a call that `caller` is about to make to `callee`: `opposite`, by which the callee calls the
-- caller at this moment; or `earlier`, by which the caller calls the callee already; or that the callee is `busy`, because
-- `most` calls ring for them. Nothing of it when all are null and false.
--
-- The locks last until the end of the transaction, which inserts the room: of several calls at once each sees those before
-- it. The lock of the pair is the one that "oppositeCall" takes. The lock of the callee comes after it and is the last one,
-- so that nobody waits in a circle. A function, because each of its statements sees what was committed while it waited.
CREATE FUNCTION "callInTheWay"(
    "caller" TEXT, "callee" TEXT, "now" TIMESTAMPTZ, "most" INT,
    OUT "opposite" UUID, OUT "earlier" UUID, OUT "busy" BOOLEAN
) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    "busy" := false;
    "opposite" := "oppositeCall"("caller", "callee", "now");
    IF "opposite" IS NOT NULL THEN RETURN; END IF;
    "earlier" := (
        SELECT room."id" FROM "Room" room
          JOIN "Participant" them ON them."roomId" = room."id" AND them."userId" = "callee"
         WHERE room."callerId" = "caller" AND room."calleeId" = "callee" AND room."status" = 'waiting'
           AND them."state" = 'invited'
         ORDER BY room."id" LIMIT 1
    );
    IF "earlier" IS NOT NULL OR "most" IS NULL THEN RETURN; END IF;
    PERFORM pg_advisory_xact_lock(1, hashtext("callee"));
    "busy" := (
        SELECT count(*) >= "most" FROM "Participant" them
         WHERE them."userId" = "callee" AND them."ringsUntil" > "now" AND them."state" = 'invited'
           AND them."role" <> 'caller' AND them."silent" IS NOT TRUE
    );
END $$;
