import pg from 'pg'
import { createApp } from '../../../src/app.ts'
import { loadConfig } from '../../../src/config.ts'
import type { Actor } from '../../../src/core/actor.ts'
import { type ErrorCode, RtcError } from '../../../src/core/errors.ts'
import { createLogger } from '../../../src/core/logger.ts'
import { createEventLog, readAll } from '../../../src/rooms/event-log.ts'
import { createExecutor } from '../../../src/rooms/executor.ts'
import {
  CreateRoom,
  InviteParticipants,
  JoinRoom,
  LeaveRoom,
  RejectCall,
  TransferHost,
  UpdateParticipant,
} from '../../../src/rooms/input.ts'
import type { Room, RoomEvent } from '../../../src/rooms/model.ts'
import { type JsonRow, toEvent, toRoom } from '../../../src/rooms/rows.ts'
import { createRoomStore } from '../../../src/rooms/store.ts'
import { createRoomWrites } from '../../../src/rooms/writes.ts'
import { createTestDatabase } from '../../database.ts'
import { type ManualClock, manualClock, SECRET, OPERATOR } from '../../world.ts'
import { type RoomCommand, LIMITS, MESH_MAX, RINGING_MAX, type Request, type User } from './rules.ts'

/** One room in the database, read in one statement. */
export interface Recorded {
  readonly row: Room
  /** All events, from the first. */
  readonly events: readonly RoomEvent[]
  /** The events as JSON text, one per line. */
  readonly lines: string
}

/** The gateway without HTTP. The test moves the clock and runs the sweeper. */
export interface Gateway {
  readonly clock: ManualClock
  readonly refuseOffline: boolean
  create(actor: User, request: Request, key: string | null): Promise<{ room: Room; replayed: boolean }>
  execute(roomId: string, command: RoomCommand): Promise<Room>
  /** Blocks or unblocks `userId`. */
  block(actor: User, userId: string, blocks: boolean): Promise<void>
  /** Connects a device of the user to another node, or disconnects it. */
  connect(userId: string, isConnected: boolean): Promise<void>
  /** Claims overdue rooms, as the sweeper does. */
  claimDue(): Promise<readonly string[]>
  record(roomIds: readonly string[]): Promise<readonly Recorded[]>
  /** Reads the room and its log through the app's own services. */
  readThroughApp(roomId: string): Promise<Pick<Recorded, 'row' | 'events'>>
  countRooms(): Promise<number>
  /** Deletes all rooms, blocks and connections. */
  clear(): Promise<void>
  close(): Promise<void>
}

const RECORD = {
  name: 'record',
  text: `
    SELECT to_jsonb(room) AS room,
           (SELECT coalesce(jsonb_agg(to_jsonb(p) ORDER BY p."ordinal"), '[]')
              FROM "Participant" p WHERE p."roomId" = room."id") AS participants,
           (SELECT coalesce(string_agg(to_jsonb(e)::text, E'\\n' ORDER BY e."seq"), '')
              FROM "RoomEvent" e WHERE e."roomId" = room."id") AS lines
      FROM unnest($1::uuid[]) WITH ORDINALITY AS asked(id, nth)
      JOIN "Room" room ON room."id" = asked.id
     ORDER BY asked.nth`,
}

/** @param options.refuseOffline - refuse calls that reach nobody */
export async function startGateway({ refuseOffline }: { readonly refuseOffline: boolean }): Promise<Gateway> {
  const database = await createTestDatabase()
  const clock = manualClock(new Date('2026-01-01T00:00:00Z'))
  const log = createLogger('silent')
  const configuration = loadConfig({
    JWT_SECRET: SECRET,
    RATE_LIMITS: 'off',
    RINGING_MAX: String(RINGING_MAX),
    RING_OFFLINE: refuseOffline ? 'fail' : 'ring',
    MESH_MAX: String(MESH_MAX),
    RING_TIMEOUT: String(LIMITS.ring / 1000),
    DISCONNECT_GRACE: String(LIMITS.grace / 1000),
    EMPTY_TIMEOUT: String(LIMITS.empty / 1000),
    MAX_DURATION: String(LIMITS.maxDuration / 1000),
  })
  const app = createApp(configuration, { databaseUrl: database.url, log, clock })
  const store = createRoomStore(app)
  // The app's own executor is private. This one acts as another node, whose streams and sweeper change the same rooms.
  const executor = createExecutor({
    store,
    writes: createRoomWrites(app.statements),
    clock,
    limits: { ...configuration.config.deadlines, meshMax: MESH_MAX },
    ringingMax: RINGING_MAX,
    publish: (room, events) => app.hub.committed(room, events),
  })
  const observer = new pg.Client({ connectionString: database.url })
  await observer.connect()
  await observer.query(
    `INSERT INTO "Node" ("id", "startedAt", "seenAt") VALUES (gen_random_uuid(), now(), now() + interval '1 day')`,
  )

  const execute = async (roomId: string, command: RoomCommand): Promise<Room> => {
    switch (command.type) {
      case 'join':
        return (await app.rooms.join(actorOf(command.actor), roomId, JoinRoom.parse(bodyOf(command)))).room
      case 'leave':
        return (await app.rooms.leave(actorOf(command.actor), roomId, LeaveRoom.parse(bodyOf(command)))).room
      case 'end':
        return app.rooms.end(actorOf(command.actor), roomId)
      case 'reject':
        return (await app.rooms.reject(actorOf(command.actor), roomId, RejectCall.parse(bodyOf(command)))).room
      case 'invite':
        return (await app.rooms.invite(actorOf(command.actor), roomId, InviteParticipants.parse(bodyOf(command)))).room
      case 'remove':
        return (await app.rooms.remove(actorOf(command.actor), roomId, command.userId)).room
      case 'transferHost':
        return (await app.rooms.transferHost(actorOf(command.actor), roomId, TransferHost.parse(bodyOf(command)))).room
      case 'update':
        return (await app.rooms.update(actorOf(command.actor), roomId, UpdateParticipant.parse(bodyOf(command)))).room
      case 'read':
        return app.rooms.get(actorOf(command.actor), roomId)
      case 'absent': {
        const since = new Date(clock.now().getTime() - command.ago * 1000)
        // The model does not know the room's id.
        const sessionId = command.sessionId.replace('#', `${roomId}:`)
        return executor.execute(roomId, { type: 'absent', userId: command.userId, sessionId, since })
      }
      default:
        return executor.execute(roomId, command)
    }
  }

  return {
    clock,
    refuseOffline,
    create: (actor, request, key) => app.rooms.create(actorOf(actor), CreateRoom.parse(request), key ?? undefined),
    execute,
    async block(actor, userId, blocks) {
      await app.blocks[blocks ? 'block' : 'unblock'](actorOf(actor), userId)
    },
    async connect(userId, isConnected) {
      const change = isConnected
        ? `INSERT INTO "ConnectedUser" ("userId", "nodeId") SELECT $1, "id" FROM "Node" ON CONFLICT DO NOTHING`
        : `DELETE FROM "ConnectedUser" WHERE "userId" = $1`
      await observer.query(change, [userId])
    },
    claimDue: async () => (await store.claimDue(clock.now(), 100)).rooms,
    async record(roomIds) {
      const { rows } = await observer.query<{ room: JsonRow; participants: JsonRow[]; lines: string }>({
        ...RECORD,
        values: [roomIds],
      })
      return rows.map(({ room, participants, lines }) => ({
        row: toRoom(room, participants),
        events: lines ? lines.split('\n').map((line) => toEvent(JSON.parse(line) as JsonRow)) : [],
        lines,
      }))
    },
    async readThroughApp(roomId) {
      const events: RoomEvent[] = []
      for await (const event of readAll(createEventLog(app.statements), roomId, { after: 0 })) events.push(event)
      return { row: await app.rooms.get(OPERATOR, roomId), events }
    },
    countRooms: () => app.prisma.room.count(),
    async clear() {
      await observer.query('DELETE FROM "Room"')
      await observer.query('DELETE FROM "Block"')
      await observer.query('DELETE FROM "ConnectedUser"')
    },
    async close() {
      await observer.end()
      await app.dispose()
      await database.drop()
    },
  }
}

/** The outcome of the work; rethrows errors that are not refusals. */
export async function settle<T>(work: Promise<T>): Promise<{ outcome: 'ok'; answer: T } | { outcome: ErrorCode }> {
  try {
    return { outcome: 'ok', answer: await work }
  } catch (error) {
    if (error instanceof RtcError) return { outcome: error.code }
    throw error
  }
}

const actorOf = ({ id, isAdmin }: User): Actor => ({ id, scopes: new Set(isAdmin ? ['rtc:admin'] : []) })

/** The fields that a request's body contains. */
function bodyOf<T extends { type: string; actor: User }>({ type: _, actor: _actor, ...body }: T) {
  return body
}
