-- AlterTable
ALTER TABLE "Participant" ADD COLUMN "lostAt" TIMESTAMPTZ(3), ADD COLUMN "leavesAt" TIMESTAMPTZ(3);

-- AlterTable
ALTER TABLE "Room" ADD COLUMN "activeUntil" TIMESTAMPTZ(3);
