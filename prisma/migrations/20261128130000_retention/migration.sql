-- CreateIndex
CREATE INDEX "Room_endedAt_idx" ON "Room"("endedAt");
