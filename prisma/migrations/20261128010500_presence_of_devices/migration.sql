-- A lease belongs to the device that its stream names; '' is a stream that names none.
ALTER TABLE "Lease" ADD COLUMN "deviceId" TEXT NOT NULL DEFAULT '';
ALTER TABLE "Lease" ALTER COLUMN "deviceId" DROP DEFAULT;
ALTER TABLE "Lease" DROP CONSTRAINT "Lease_pkey",
    ADD CONSTRAINT "Lease_pkey" PRIMARY KEY ("roomId", "userId", "nodeId", "deviceId");

-- Nodes of the version before know nothing of the column and insert NULL.
CREATE FUNCTION "leaseWithoutDevice"() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    NEW."deviceId" := '';
    RETURN NEW;
END $$;

CREATE TRIGGER "Lease_without_device" BEFORE INSERT ON "Lease" FOR EACH ROW
    WHEN (NEW."deviceId" IS NULL) EXECUTE FUNCTION "leaseWithoutDevice"();

-- CreateTable
CREATE TABLE "AwaitedStream" (
    "roomId" UUID NOT NULL,
    "userId" TEXT NOT NULL,
    "deviceId" TEXT NOT NULL,
    "sessionId" TEXT NOT NULL,
    "since" TIMESTAMPTZ(3) NOT NULL,
    "until" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "AwaitedStream_pkey" PRIMARY KEY ("roomId","userId")
);

-- CreateIndex
CREATE INDEX "AwaitedStream_until_idx" ON "AwaitedStream"("until");

-- AddForeignKey
ALTER TABLE "AwaitedStream" ADD CONSTRAINT "AwaitedStream_roomId_fkey" FOREIGN KEY ("roomId") REFERENCES "Room"("id") ON DELETE CASCADE ON UPDATE CASCADE;
