-- The transaction that wrote the event. A default, because nodes of the previous version insert without the column. Added
-- in two steps, so that existing events keep NULL and the table is not rewritten.
ALTER TABLE "RoomEvent" ADD COLUMN "xid" xid8;
ALTER TABLE "RoomEvent" ALTER COLUMN "xid" SET DEFAULT pg_current_xact_id();

-- CreateIndex
CREATE INDEX "RoomEvent_xid_idx" ON "RoomEvent"("xid");

-- CreateTable
CREATE TABLE "DeliveryDestination" (
    "id" TEXT NOT NULL,
    "xid" xid8 NOT NULL,
    "roomId" UUID NOT NULL,
    "seq" INTEGER NOT NULL,
    "nodeId" UUID,
    "leasedUntil" TIMESTAMPTZ(3),

    CONSTRAINT "DeliveryDestination_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "DeliveryBacklog" (
    "destinationId" TEXT NOT NULL,
    "roomId" UUID NOT NULL,
    "after" INTEGER NOT NULL,
    "upTo" INTEGER NOT NULL,
    "attempts" INTEGER NOT NULL,
    "nextAt" TIMESTAMPTZ(3) NOT NULL,
    "since" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "DeliveryBacklog_pkey" PRIMARY KEY ("destinationId","roomId")
);

-- AddForeignKey
ALTER TABLE "DeliveryBacklog" ADD CONSTRAINT "DeliveryBacklog_destinationId_fkey" FOREIGN KEY ("destinationId") REFERENCES "DeliveryDestination"("id") ON DELETE CASCADE ON UPDATE CASCADE;
