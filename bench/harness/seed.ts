import type { Database } from './database.ts'

/** $1 past calls, two minutes apart; every tenth is a call of user-0. */
export const PAST_ROOMS = `
  INSERT INTO "Room" ("id", "type", "mediaType", "status", "callerId", "calleeId", "provider", "access",
                      "maxParticipants", "seq", "createdAt", "endedAt", "endReason", "expiresAt", "createdBy")
  SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '70008000'
          || lpad(to_hex(n), 12, '0'))::uuid,
         'p2p', 'video', 'ended', caller, 'user-' || (n % 4999 + 10001), 'webrtc', 'invited', 2, 4, at, at,
         (CASE WHEN n % 50 = 0 THEN 'missed' ELSE 'completed' END)::"EndReason", at, caller
    FROM generate_series(0, $1::int - 1) n,
         LATERAL (SELECT timestamptz '2020-01-01' + n * interval '2 minutes' AS at,
                         'user-' || CASE WHEN n % 10 = 0 THEN 0 ELSE n % 9973 + 1 END AS caller) call`

/** The two participants of each past call. */
export const PAST_PARTICIPANTS = `
  INSERT INTO "Participant" ("roomId", "userId", "ordinal", "role", "state", "audio", "video", "connected", "stayed")
  SELECT room."id", person."userId", person."ordinal", person."role"::"ParticipantRole", 'left', false, false, false, 60
    FROM "Room" room, LATERAL (VALUES (room."callerId", 0, 'caller'), (room."calleeId", 1, 'callee'))
                           AS person("userId", "ordinal", "role")`

/** Rooms for reads, with ten participants each; every user is in forty of them. */
export const READ_ROOMS = 2000
export const READERS = 500
const READ_MEMBERS = 10

export const readRoomId = (index: number): string =>
  `0193e000-0000-7000-9000-${(index % READ_ROOMS).toString(16).padStart(12, '0')}`
/** A participant of the room. */
export const readerOf = (index: number): string => `reader-${(index % READ_ROOMS) % READERS}`

const READ = `
  INSERT INTO "Room" ("id", "type", "mediaType", "status", "callerId", "name", "provider", "access", "maxParticipants",
                      "seq", "createdAt", "startedAt", "endedAt", "activeUntil", "endReason", "expiresAt", "createdBy", "hostId")
  SELECT ('0193e000-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid, 'group', 'video', 'ended', 'reader-' || n % ${READERS},
         'Room ' || n, 'webrtc', 'invited', 50, 25, at, at, at + interval '1 hour', at + interval '1 hour', 'completed',
         at + interval '1 day', 'reader-' || n % ${READERS}, 'reader-' || n % ${READERS}
    FROM generate_series(0, ${READ_ROOMS - 1}) n, LATERAL (SELECT timestamptz '2024-12-20' + n * interval '1 minute' AS at) t`

const READ_PARTICIPANTS = `
  INSERT INTO "Participant" ("roomId", "userId", "ordinal", "role", "state", "audio", "video", "connected", "joinedAt",
                             "leftAt", "leaveReason", "stayed")
  SELECT ('0193e000-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid, 'reader-' || (n + m * 37) % ${READERS}, m,
         (CASE m WHEN 0 THEN 'caller' ELSE 'member' END)::"ParticipantRole", 'left', false, false, false,
         at, at + interval '1 hour', 'ended', 3600
    FROM generate_series(0, ${READ_ROOMS - 1}) n, generate_series(0, ${READ_MEMBERS - 1}) m,
         LATERAL (SELECT timestamptz '2024-12-20' + n * interval '1 minute' AS at) t`

/** Inserts an active group with $2 members named `$1-0`, `$1-1`, …; returns its id. */
export const SEATED = `
  WITH room AS (
    INSERT INTO "Room" ("id", "type", "mediaType", "status", "callerId", "provider", "access", "maxParticipants", "seq",
                        "createdAt", "startedAt", "expiresAt", "createdBy", "hostId")
    VALUES (('0193e001' || substr(replace(gen_random_uuid()::text, '-', ''), 9, 4) || '7000'
             || '9' || substr(replace(gen_random_uuid()::text, '-', ''), 1, 15))::uuid,
            'group', 'video', 'active', $1 || '-0', 'webrtc', 'link', $2, 1, now(), now(), now() + interval '1 day',
            $1 || '-0', $1 || '-0')
    RETURNING "id"),
  people AS (
    INSERT INTO "Participant" ("roomId", "userId", "ordinal", "role", "state", "audio", "video", "connected", "sessionId",
                               "joinedAt", "stayed")
    SELECT room."id", $1 || '-' || m, m, (CASE m WHEN 0 THEN 'caller' ELSE 'member' END)::"ParticipantRole", 'joined',
           true, true, true, $1 || '-' || m, now(), 0
      FROM room, generate_series(0, $2::int - 1) m)
  SELECT "id"::text FROM room`

/** Fills a fresh database with past calls and with rooms for reads. */
export async function seed(database: Database, rooms: number): Promise<void> {
  if (rooms > 0) {
    await database.query(PAST_ROOMS, [rooms])
    await database.query(PAST_PARTICIPANTS)
  }
  await database.query(READ)
  await database.query(READ_PARTICIPANTS)
  await database.query('VACUUM ANALYZE')
  // Otherwise it would happen during the first workloads.
  await database.query('CHECKPOINT')
}
