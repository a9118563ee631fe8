-- CreateEnum
CREATE TYPE "RoomType" AS ENUM ('p2p', 'group');

-- CreateEnum
CREATE TYPE "MediaType" AS ENUM ('audio', 'video');

-- CreateEnum
CREATE TYPE "RoomStatus" AS ENUM ('waiting', 'active', 'ended');

-- CreateEnum
CREATE TYPE "MediaProvider" AS ENUM ('webrtc', 'volcengine', 'livekit', 'tencent', 'agora');

-- CreateEnum
CREATE TYPE "RoomAccess" AS ENUM ('invited', 'link');

-- CreateEnum
CREATE TYPE "EndReason" AS ENUM ('completed', 'cancelled', 'rejected', 'busy', 'missed', 'empty', 'expired', 'failed');

-- CreateEnum
CREATE TYPE "ParticipantRole" AS ENUM ('caller', 'callee', 'member', 'observer');

-- CreateEnum
CREATE TYPE "ParticipantState" AS ENUM ('invited', 'joined', 'left', 'rejected', 'missed', 'removed');

-- CreateEnum
CREATE TYPE "LeaveReason" AS ENUM ('left', 'removed', 'disconnected', 'replaced', 'ended');

-- CreateEnum
CREATE TYPE "RoomEventType" AS ENUM ('room_created', 'room_started', 'room_ended', 'participant_invited', 'participant_joined', 'participant_left', 'participant_rejected', 'participant_missed', 'participant_removed', 'participant_updated', 'participant_disconnected', 'participant_reconnected');

-- CreateTable
CREATE TABLE "Room" (
    "id" UUID NOT NULL,
    "type" "RoomType" NOT NULL,
    "mediaType" "MediaType" NOT NULL,
    "status" "RoomStatus" NOT NULL,
    "callerId" TEXT NOT NULL,
    "calleeId" TEXT,
    "name" TEXT,
    "metadata" JSONB,
    "provider" "MediaProvider" NOT NULL,
    "access" "RoomAccess" NOT NULL,
    "maxParticipants" INTEGER NOT NULL,
    "seq" INTEGER NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "startedAt" TIMESTAMPTZ(3),
    "endedAt" TIMESTAMPTZ(3),
    "endReason" "EndReason",
    "endedBy" TEXT,
    "emptyAt" TIMESTAMPTZ(3),
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "deadlineAt" TIMESTAMPTZ(3),
    "createdBy" TEXT NOT NULL,
    "clientRequestId" TEXT,
    "requestHash" TEXT,

    CONSTRAINT "Room_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Participant" (
    "roomId" UUID NOT NULL,
    "userId" TEXT NOT NULL,
    "ordinal" INTEGER NOT NULL,
    "role" "ParticipantRole" NOT NULL,
    "state" "ParticipantState" NOT NULL,
    "audio" BOOLEAN NOT NULL,
    "video" BOOLEAN NOT NULL,
    "connected" BOOLEAN NOT NULL,
    "deviceId" TEXT,
    "joinedAt" TIMESTAMPTZ(3),
    "leftAt" TIMESTAMPTZ(3),
    "leaveReason" "LeaveReason",
    "stayed" DOUBLE PRECISION NOT NULL,
    "ringsUntil" TIMESTAMPTZ(3),
    "graceUntil" TIMESTAMPTZ(3),

    CONSTRAINT "Participant_pkey" PRIMARY KEY ("roomId","userId")
);

-- CreateTable
CREATE TABLE "RoomEvent" (
    "roomId" UUID NOT NULL,
    "seq" INTEGER NOT NULL,
    "type" "RoomEventType" NOT NULL,
    "actorId" TEXT,
    "subjectId" TEXT,
    "data" JSONB NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "RoomEvent_pkey" PRIMARY KEY ("roomId","seq")
);

-- CreateTable
CREATE TABLE "Node" (
    "id" UUID NOT NULL,
    "startedAt" TIMESTAMPTZ(3) NOT NULL,
    "seenAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "Node_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Lease" (
    "roomId" UUID NOT NULL,
    "userId" TEXT NOT NULL,
    "nodeId" UUID NOT NULL,

    CONSTRAINT "Lease_pkey" PRIMARY KEY ("roomId","userId","nodeId")
);

-- CreateIndex
CREATE INDEX "Room_deadlineAt_idx" ON "Room"("deadlineAt");

-- CreateIndex
CREATE INDEX "Room_status_idx" ON "Room"("status");

-- CreateIndex
CREATE INDEX "Room_callerId_calleeId_status_idx" ON "Room"("callerId", "calleeId", "status");

-- CreateIndex
CREATE UNIQUE INDEX "Room_createdBy_clientRequestId_key" ON "Room"("createdBy", "clientRequestId");

-- CreateIndex
CREATE INDEX "Participant_userId_roomId_idx" ON "Participant"("userId", "roomId" DESC);

-- CreateIndex
CREATE INDEX "Participant_userId_ringsUntil_idx" ON "Participant"("userId", "ringsUntil");

-- CreateIndex
CREATE INDEX "Participant_userId_state_idx" ON "Participant"("userId", "state");

-- CreateIndex
CREATE INDEX "Lease_nodeId_idx" ON "Lease"("nodeId");

-- AddForeignKey
ALTER TABLE "Participant" ADD CONSTRAINT "Participant_roomId_fkey" FOREIGN KEY ("roomId") REFERENCES "Room"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "RoomEvent" ADD CONSTRAINT "RoomEvent_roomId_fkey" FOREIGN KEY ("roomId") REFERENCES "Room"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Lease" ADD CONSTRAINT "Lease_roomId_fkey" FOREIGN KEY ("roomId") REFERENCES "Room"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- The call that somebody makes to `caller` at this moment, seen by `caller` who is about to call them; null when there
-- is none. Until the end of its transaction it keeps the other side from asking the same: of two who call each other at
-- once, the later finds the earlier one's room. A function, because each of its statements sees what was committed while
-- it waited for the lock; a single statement would not.
CREATE FUNCTION "oppositeCall"("caller" TEXT, "callee" TEXT, "at" TIMESTAMPTZ) RETURNS UUID LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(least("caller", "callee") || chr(31) || greatest("caller", "callee"), 0));
    RETURN (
        SELECT room."id" FROM "Room" room
          JOIN "Participant" me ON me."roomId" = room."id" AND me."userId" = "caller"
         WHERE room."callerId" = "callee" AND room."calleeId" = "caller" AND room."status" = 'waiting'
           AND me."state" = 'invited' AND me."ringsUntil" > "at"
         ORDER BY room."id" LIMIT 1
    );
END $$;
