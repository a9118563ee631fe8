-- CreateEnum
CREATE TYPE "SignalType" AS ENUM ('offer', 'answer', 'candidate', 'custom');

-- CreateTable
CREATE TABLE "Mailbox" (
    "roomId" UUID NOT NULL,
    "userId" TEXT NOT NULL,
    "seq" INTEGER NOT NULL,

    CONSTRAINT "Mailbox_pkey" PRIMARY KEY ("roomId","userId")
);

-- CreateTable
CREATE TABLE "Signal" (
    "roomId" UUID NOT NULL,
    "toId" TEXT NOT NULL,
    "seq" INTEGER NOT NULL,
    "fromId" TEXT NOT NULL,
    "type" "SignalType" NOT NULL,
    "payload" JSONB NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "Signal_pkey" PRIMARY KEY ("roomId","toId","seq")
);

-- CreateIndex
CREATE INDEX "Signal_at_idx" ON "Signal"("at");

-- AddForeignKey
ALTER TABLE "Mailbox" ADD CONSTRAINT "Mailbox_roomId_fkey" FOREIGN KEY ("roomId") REFERENCES "Room"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Signal" ADD CONSTRAINT "Signal_roomId_toId_fkey" FOREIGN KEY ("roomId", "toId") REFERENCES "Mailbox"("roomId", "userId") ON DELETE CASCADE ON UPDATE CASCADE;

-- Mailboxes are gone with their room's end, in the same statement: nobody is joined from then on, so nothing comes in any
-- more. A trigger, because looking for what has ended would cost what is alive, again and again.
CREATE FUNCTION "emptyMailboxes"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM "Mailbox" WHERE "roomId" = NEW."id";
    RETURN NULL;
END $$;

CREATE TRIGGER "Room_ended" AFTER UPDATE OF "status" ON "Room" FOR EACH ROW
    WHEN (OLD."status" <> 'ended' AND NEW."status" = 'ended') EXECUTE FUNCTION "emptyMailboxes"();
