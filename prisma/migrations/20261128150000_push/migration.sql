-- CreateTable
CREATE TABLE "PushSubscription" (
    "id" UUID NOT NULL,
    "userId" TEXT NOT NULL,
    "deviceId" TEXT,
    "address" TEXT NOT NULL,
    "endpoint" TEXT,
    "p256dh" TEXT,
    "auth" TEXT,
    "appId" TEXT,
    "pushkey" TEXT,
    "data" JSONB,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "usedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "PushSubscription_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "PushSubscription_address_key" ON "PushSubscription"("address");

-- CreateIndex
CREATE INDEX "PushSubscription_userId_usedAt_idx" ON "PushSubscription"("userId", "usedAt");

-- CreateIndex
CREATE INDEX "PushSubscription_usedAt_idx" ON "PushSubscription"("usedAt");
