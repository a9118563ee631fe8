-- CreateTable
CREATE TABLE "RoomSnapshot" (
    "roomId" UUID NOT NULL,
    "seq" INTEGER NOT NULL,
    "fields" JSONB NOT NULL,
    "participants" JSONB NOT NULL,

    CONSTRAINT "RoomSnapshot_pkey" PRIMARY KEY ("roomId","seq")
);

-- AddForeignKey
ALTER TABLE "RoomSnapshot" ADD CONSTRAINT "RoomSnapshot_roomId_fkey" FOREIGN KEY ("roomId") REFERENCES "Room"("id") ON DELETE CASCADE ON UPDATE CASCADE;
