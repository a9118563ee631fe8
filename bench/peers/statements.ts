/**
 * Every command and query as one SQL statement that returns the JSON of the response. The statements check no rules and no
 * permissions, so they do less work than any correct server and are an upper bound.
 */

const time = (column: string) => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`

/** The REST representation of the room. */
const restRoom = (room: string) => `json_build_object(
  'id', ${room}."id", 'type', ${room}."type", 'callerId', ${room}."callerId", 'calleeId', ${room}."calleeId",
  'mediaType', ${room}."mediaType", 'status', ${room}."status", 'createdAt', ${time(`${room}."createdAt"`)},
  'name', ${room}."name", 'metadata', ${room}."metadata", 'provider', ${room}."provider", 'access', ${room}."access",
  'maxParticipants', ${room}."maxParticipants", 'seq', ${room}."seq", 'startedAt', ${time(`${room}."startedAt"`)},
  'endedAt', ${time(`${room}."endedAt"`)}, 'endReason', ${room}."endReason",
  'duration', floor(extract(epoch FROM coalesce(${room}."endedAt", now()) - ${room}."startedAt")),
  'activeUntil', ${time(`${room}."activeUntil"`)}, 'hostId', ${room}."hostId",
  'reach', ${room}."reach")`

/** The same, with the participant that the command concerns. */
const restPlace = `(${restRoom('room')}::jsonb || jsonb_build_object('participant', json_build_object(
  'id', me."roomId" || ':' || me."userId", 'userId', me."userId", 'uid', me."ordinal" + 1, 'role', me."role",
  'state', me."state",   'audio', me."audio", 'video', me."video", 'connected', me."connected", 'joinedAt', ${time('me."joinedAt"')},
  'leftAt', ${time('me."leftAt"')}, 'leaveReason', me."leaveReason", 'duration', floor(me."stayed"),
  'sessionId', me."sessionId", 'lostAt', ${time('me."lostAt"')}, 'reach', me."reach")))::text`

const graphqlPlace = (field: string, participant: string) => `json_build_object('data', json_build_object('${field}',
  json_build_object('room', json_build_object('id', room."id", 'status', upper(room."status"::text), 'seq', room."seq"),
                    'participant', json_build_object('userId', me."userId", ${participant}))))::text`

/** $1: the room, $2: the user. */
const READABLE = `EXISTS (SELECT FROM "Participant" p WHERE p."roomId" = room."id" AND p."userId" = $2 AND p."state" <> 'removed')`

const ROOM = `
  SELECT json_build_object('data', json_build_object('room', json_build_object(
    'id', room."id", 'type', upper(room."type"::text), 'mediaType', upper(room."mediaType"::text),
    'status', upper(room."status"::text), 'callerId', room."callerId", 'calleeId', room."calleeId", 'name', room."name",
    'maxParticipants', room."maxParticipants", 'seq', room."seq", 'createdAt', ${time('room."createdAt"')},
    'participants', (SELECT json_agg(json_build_object(
        'id', p."roomId" || ':' || p."userId", 'userId', p."userId", 'role', upper(p."role"::text),
        'state', upper(p."state"::text), 'audio', p."audio", 'video', p."video", 'connected', p."connected",
        'joinedAt', ${time('p."joinedAt"')}) ORDER BY p."ordinal")
      FROM "Participant" p WHERE p."roomId" = room."id"))))::text AS answer
    FROM "Room" room WHERE room."id" = $1 AND ${READABLE}`

/** $1: the user. */
const MY_ROOMS = `
  WITH mine AS (
    SELECT room.* FROM "Participant" me JOIN "Room" room ON room."id" = me."roomId"
     WHERE me."userId" = $1 AND me."state" <> 'removed' ORDER BY me."roomId" DESC LIMIT 21)
  SELECT json_build_object('data', json_build_object('rooms', json_build_object(
    'edges', (SELECT json_agg(json_build_object('node', json_build_object(
        'id', room."id", 'type', upper(room."type"::text), 'mediaType', upper(room."mediaType"::text),
        'status', upper(room."status"::text), 'callerId', room."callerId", 'createdAt', ${time('room."createdAt"')},
        'participants', (SELECT json_agg(json_build_object(
            'userId', p."userId", 'role', upper(p."role"::text), 'state', upper(p."state"::text),
            'joinedAt', ${time('p."joinedAt"')}) ORDER BY p."ordinal")
          FROM "Participant" p WHERE p."roomId" = room."id"))) ORDER BY room."id" DESC)
      FROM (SELECT * FROM mine ORDER BY "id" DESC LIMIT 20) room),
    'pageInfo', json_build_object('hasNextPage', (SELECT count(*) FROM mine) > 20))))::text AS answer`

const REST_ROOM = `SELECT ${restRoom('room')}::text AS answer FROM "Room" room WHERE room."id" = $1 AND ${READABLE}`

/** $1: the new id, $2: the caller, $3: the callee. */
const createCall = (answer: string) => `
  WITH room AS (
    INSERT INTO "Room" ("id", "type", "mediaType", "status", "callerId", "calleeId", "provider", "access",
                        "maxParticipants", "seq", "createdAt", "expiresAt", "deadlineAt", "createdBy", "reach")
    VALUES ($1::uuid, 'p2p', 'video', 'waiting', $2, $3, 'webrtc', 'invited', 2, 1, now(), now() + interval '1 day',
            now() + interval '45 seconds', $2, 'none')
    RETURNING *),
  people AS (
    INSERT INTO "Participant" ("roomId", "userId", "ordinal", "role", "state", "audio", "video", "connected", "stayed",
                               "ringsUntil", "reach")
    VALUES ($1::uuid, $2, 0, 'caller', 'invited', false, false, false, 0, now() + interval '45 seconds', NULL),
           ($1::uuid, $3, 1, 'callee', 'invited', false, false, false, 0, now() + interval '45 seconds', 'none')),
  log AS (
    INSERT INTO "RoomEvent" ("roomId", "seq", "type", "actorId", "data", "at")
    SELECT room."id", 1, 'room_created', $2, to_jsonb(room), now() FROM room)
  SELECT ${answer} AS answer FROM room`

/** $1: the room, $2: the joining user. */
const join = (answer: string) => `
  WITH others AS (
    SELECT count(*) AS joined FROM "Participant" WHERE "roomId" = $1::uuid AND "state" = 'joined' AND "userId" <> $2),
  room AS (
    UPDATE "Room" room SET "seq" = "seq" + CASE WHEN "status" = 'waiting' AND joined > 0 THEN 2 ELSE 1 END,
           "status" = CASE WHEN joined > 0 THEN 'active' ELSE "status" END,
           "startedAt" = CASE WHEN "status" = 'waiting' AND joined > 0 THEN now() ELSE "startedAt" END
      FROM others WHERE "id" = $1::uuid AND "status" <> 'ended'
    RETURNING room.*),
  me AS (
    UPDATE "Participant" SET "state" = 'joined', "audio" = true, "video" = true, "connected" = true, "sessionId" = $1 || ':' || $2,
           "joinedAt" = now(), "leftAt" = NULL, "leaveReason" = NULL, "ringsUntil" = NULL
      FROM room WHERE "roomId" = room."id" AND "userId" = $2
    RETURNING "Participant".*),
  log AS (
    INSERT INTO "RoomEvent" ("roomId", "seq", "type", "actorId", "subjectId", "data", "at")
    SELECT room."id", room."seq" - CASE WHEN room."startedAt" = now() THEN 1 ELSE 0 END, 'participant_joined'::"RoomEventType", $2, $2,
           to_jsonb(me), now() FROM room, me
    UNION ALL
    SELECT room."id", room."seq", 'room_started', $2, NULL, '{}', now() FROM room WHERE room."startedAt" = now())
  SELECT ${answer} AS answer FROM room, me`

/** $1: the room of a p2p call, $2: the leaving user. */
const leave = (answer: string) => `
  WITH room AS (
    UPDATE "Room" SET "seq" = "seq" + 2, "status" = 'ended', "endedAt" = now(), "activeUntil" = now(),
           "endReason" = 'completed', "endedBy" = $2, "deadlineAt" = NULL
     WHERE "id" = $1::uuid AND "status" <> 'ended' RETURNING *),
  people AS (
    UPDATE "Participant" SET "state" = 'left', "audio" = false, "video" = false, "connected" = false, "sessionId" = NULL,
           "leftAt" = now(), "leaveReason" = (CASE WHEN "userId" = $2 THEN 'left' ELSE 'ended' END)::"LeaveReason",
           "stayed" = "stayed" + extract(epoch FROM now() - "joinedAt")
      FROM room WHERE "roomId" = room."id" RETURNING "Participant".*),
  me AS (SELECT * FROM people WHERE "userId" = $2),
  log AS (
    INSERT INTO "RoomEvent" ("roomId", "seq", "type", "actorId", "subjectId", "data", "at")
    SELECT room."id", room."seq" - 1, 'participant_left'::"RoomEventType", $2, $2, to_jsonb(me), now() FROM room, me
    UNION ALL SELECT room."id", room."seq", 'room_ended', $2, NULL, '{}', now() FROM room)
  SELECT ${answer} AS answer FROM room, me`

/** $1: the room, $2: the user, $3: audio. Also returns the event's number. */
const UPDATE = `
  WITH room AS (UPDATE "Room" SET "seq" = "seq" + 1 WHERE "id" = $1::uuid AND "status" <> 'ended' RETURNING *),
  me AS (
    UPDATE "Participant" SET "audio" = $3::boolean FROM room
     WHERE "roomId" = room."id" AND "userId" = $2 AND "state" = 'joined' RETURNING "Participant".*),
  log AS (
    INSERT INTO "RoomEvent" ("roomId", "seq", "type", "actorId", "subjectId", "data", "at")
    SELECT room."id", room."seq", 'participant_updated', $2, $2, to_jsonb(me), now() FROM room, me)
  SELECT json_build_object('data', json_build_object('updateParticipant', json_build_object('participant',
           json_build_object('userId', me."userId", 'audio', me."audio"))))::text AS answer, room."seq" FROM room, me`

/** The statements by the name under which they are prepared. */
export const STATEMENTS = {
  room: ROOM,
  myRooms: MY_ROOMS,
  restRoom: REST_ROOM,
  createCall: createCall(`json_build_object('data', json_build_object('createRoom', json_build_object('room',
    json_build_object('id', room."id", 'status', upper(room."status"::text), 'seq', room."seq"))))::text`),
  join: join(graphqlPlace('joinRoom', `'state', upper(me."state"::text), 'audio', me."audio", 'video', me."video"`)),
  leave: leave(graphqlPlace('leaveRoom', `'state', upper(me."state"::text)`)),
  restCreateCall: createCall(`${restRoom('room')}::text`),
  restJoin: join(restPlace),
  restLeave: leave(`${restRoom('room')}::text`),
  update: UPDATE,
} as const
