-- AlterEnum
ALTER TYPE "RoomEventType" ADD VALUE 'room_updated' AFTER 'room_ended';

-- AlterTable
ALTER TABLE "Room" ADD COLUMN "hostId" TEXT;
