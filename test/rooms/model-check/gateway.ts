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
import { type Deed, LIMITS, MESH_MAX, RINGING_MAX, type Request, type User } from './rules.ts'

/** What the database holds of one room, all of it as of the same moment. */
export interface Recorded {
  readonly row: Room
  /** From the first on. */
  readonly events: readonly RoomEvent[]
  /** The same events as text, one a line. */
  readonly lines: string
}

/** The gateway without its doors; time passes, and the sweeper comes, when it is told to. */
export interface Gateway {
  readonly clock: ManualClock
  create(actor: User, request: Request, key: string | null): Promise<{ room: Room; replayed: boolean }>
  carryOut(roomId: string, deed: Deed): Promise<Room>
  /** Blocks, or unblocks. */
  block(actor: User, userId: string, blocks: boolean): Promise<void>
  /** Takes the rooms that are due, as the sweeper does. */
  claimDue(): Promise<readonly string[]>
  record(roomIds: readonly string[]): Promise<readonly Recorded[]>
  /** The same by the ports that the gateway itself reads by. */
  reread(roomId: string): Promise<Pick<Recorded, 'row' | 'events'>>
  countRooms(): Promise<number>
  /** Forgets every room and every block. */
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

export async function startGateway(): Promise<Gateway> {
  const database = await createTestDatabase()
  const clock = manualClock(new Date('2026-01-01T00:00:00Z'))
  const log = createLogger('silent')
  const configuration = loadConfig({
    JWT_SECRET: SECRET,
    RATE_LIMITS: 'off',
    RINGING_MAX: String(RINGING_MAX),
    MESH_MAX: String(MESH_MAX),
    RING_TIMEOUT: String(LIMITS.ring / 1000),
    DISCONNECT_GRACE: String(LIMITS.grace / 1000),
    EMPTY_TIMEOUT: String(LIMITS.empty / 1000),
    MAX_DURATION: String(LIMITS.maxDuration / 1000),
  })
  const app = createApp(configuration, { databaseUrl: database.url, log, clock })
  const store = createRoomStore(app)
  // The app keeps its own to itself: this one stands for the node whose streams and sweeper act on the same rooms.
  const { execute } = createExecutor({
    store,
    writes: createRoomWrites(app.statements),
    clock,
    limits: { ...configuration.config.deadlines, meshMax: MESH_MAX },
    ringingMax: RINGING_MAX,
    publish: (room, events) => app.hub.committed(room, events),
  })
  const witness = new pg.Client({ connectionString: database.url })
  await witness.connect()

  const carryOut = async (roomId: string, deed: Deed): Promise<Room> => {
    switch (deed.type) {
      case 'join':
        return (await app.rooms.join(actorOf(deed.actor), roomId, JoinRoom.parse(without(deed)))).room
      case 'leave':
        return (await app.rooms.leave(actorOf(deed.actor), roomId, LeaveRoom.parse(without(deed)))).room
      case 'end':
        return app.rooms.end(actorOf(deed.actor), roomId)
      case 'reject':
        return (await app.rooms.reject(actorOf(deed.actor), roomId, RejectCall.parse(without(deed)))).room
      case 'invite':
        return (await app.rooms.invite(actorOf(deed.actor), roomId, InviteParticipants.parse(without(deed)))).room
      case 'remove':
        return (await app.rooms.remove(actorOf(deed.actor), roomId, deed.userId)).room
      case 'transferHost':
        return (await app.rooms.transferHost(actorOf(deed.actor), roomId, TransferHost.parse(without(deed)))).room
      case 'update':
        return (await app.rooms.update(actorOf(deed.actor), roomId, UpdateParticipant.parse(without(deed)))).room
      case 'read':
        return app.rooms.get(actorOf(deed.actor), roomId)
      case 'absent': {
        const since = new Date(clock.now().getTime() - deed.ago * 1000)
        // The rules do not know the room's id.
        const sessionId = deed.sessionId.replace('#', `${roomId}:`)
        return execute(roomId, { type: 'absent', userId: deed.userId, sessionId, since })
      }
      default:
        return execute(roomId, deed)
    }
  }

  return {
    clock,
    create: (actor, request, key) => app.rooms.create(actorOf(actor), CreateRoom.parse(request), key ?? undefined),
    carryOut,
    async block(actor, userId, blocks) {
      await app.blocks[blocks ? 'block' : 'unblock'](actorOf(actor), userId)
    },
    claimDue: () => store.claimDue(clock.now(), 100),
    async record(roomIds) {
      const { rows } = await witness.query<{ room: JsonRow; participants: JsonRow[]; lines: string }>({
        ...RECORD,
        values: [roomIds],
      })
      return rows.map(({ room, participants, lines }) => ({
        row: toRoom(room, participants),
        events: lines ? lines.split('\n').map((line) => toEvent(JSON.parse(line) as JsonRow)) : [],
        lines,
      }))
    },
    async reread(roomId) {
      const events: RoomEvent[] = []
      for await (const event of readAll(createEventLog(app.prisma), roomId, { after: 0 })) events.push(event)
      return { row: await app.rooms.get(OPERATOR, roomId), events }
    },
    countRooms: () => app.prisma.room.count(),
    async clear() {
      await witness.query('DELETE FROM "Room"')
      await witness.query('DELETE FROM "Block"')
    },
    async close() {
      await witness.end()
      await app.dispose()
      await database.drop()
    },
  }
}

/** The code of a refusal; anything else that goes wrong is thrown on. */
export async function settle<T>(work: Promise<T>): Promise<{ outcome: 'ok'; answer: T } | { outcome: ErrorCode }> {
  try {
    return { outcome: 'ok', answer: await work }
  } catch (error) {
    if (error instanceof RtcError) return { outcome: error.code }
    throw error
  }
}

const actorOf = ({ id, isAdmin }: User): Actor => ({ id, scopes: new Set(isAdmin ? ['rtc:admin'] : []) })

/** What a door would take from the body. */
function without<T extends { type: string; actor: User }>({ type: _, actor: _actor, ...body }: T) {
  return body
}
