-- CreateEnum
CREATE TYPE "Reach" AS ENUM ('none', 'pushed', 'connected');

-- AlterTable
ALTER TABLE "Room" ADD COLUMN "reach" "Reach";

-- AlterTable
ALTER TABLE "Participant" ADD COLUMN "reach" "Reach";
