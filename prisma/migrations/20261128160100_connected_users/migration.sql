-- CreateTable
CREATE TABLE "ConnectedUser" (
    "userId" TEXT NOT NULL,
    "nodeId" UUID NOT NULL,

    CONSTRAINT "ConnectedUser_pkey" PRIMARY KEY ("userId","nodeId")
);

-- CreateIndex
CREATE INDEX "ConnectedUser_nodeId_idx" ON "ConnectedUser"("nodeId");
