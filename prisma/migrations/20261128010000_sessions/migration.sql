-- AlterTable
ALTER TABLE "Participant" ADD COLUMN "sessionId" TEXT;
