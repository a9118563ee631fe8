-- AlterTable
ALTER TABLE "Participant" ADD COLUMN "mediaLost" BOOLEAN;

-- CreateTable
CREATE TABLE "MediaStay" (
    "roomId" UUID NOT NULL,
    "mediaId" TEXT NOT NULL,
    "position" DOUBLE PRECISION NOT NULL,
    "stay" TEXT,
    "present" BOOLEAN NOT NULL,
    "lost" BOOLEAN NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "dueAt" TIMESTAMPTZ(3),

    CONSTRAINT "MediaStay_pkey" PRIMARY KEY ("roomId","mediaId")
);

-- CreateIndex
CREATE INDEX "MediaStay_dueAt_idx" ON "MediaStay"("dueAt");

-- CreateTable
CREATE TABLE "MediaBan" (
    "roomId" UUID NOT NULL,
    "mediaId" TEXT NOT NULL,
    "ban" TEXT NOT NULL,

    CONSTRAINT "MediaBan_pkey" PRIMARY KEY ("roomId","mediaId","ban")
);

-- AddForeignKey
ALTER TABLE "MediaStay" ADD CONSTRAINT "MediaStay_roomId_fkey" FOREIGN KEY ("roomId") REFERENCES "Room"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "MediaBan" ADD CONSTRAINT "MediaBan_roomId_fkey" FOREIGN KEY ("roomId") REFERENCES "Room"("id") ON DELETE CASCADE ON UPDATE CASCADE;
