-- CreateIndex
CREATE INDEX "Signal_roomId_toId_fromId_seq_idx" ON "Signal"("roomId", "toId", "fromId", "seq");
