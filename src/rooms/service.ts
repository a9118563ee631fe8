import { createHash } from 'node:crypto'
import type { Actor } from '../core/actor.ts'
import type { Clock } from '../core/clock.ts'
import { RtcError } from '../core/errors.ts'
import { isRoomId } from '../core/ids.ts'
import type { EventLog, Stretch } from '../events/log.ts'
import type { Connection, Media } from '../media/connection.ts'
import { type CreateCommand, decideCreate } from './create.ts'
import { decide, type RoomCommand } from './decide.ts'
import type { Accepted, Decision, Limits } from './decision.ts'
import { type CreateRoom, type JoinRoom, type Page, PAGE_DEFAULT, requireMetadataFits } from './input.ts'
import { findParticipant, type Participant, type Room, type RoomEvent, type RoomFields } from './model.ts'
import { canRead, readScope } from './policy.ts'
import type { RoomFilter, RoomStore } from './store.ts'
import { Turns } from './turns.ts'

export interface RoomPage {
  readonly rooms: readonly RoomFields[]
  readonly hasNextPage: boolean
  readonly hasPreviousPage: boolean
}

/** What users do with rooms: one behaviour behind every door. Every refusal is an RtcError. */
export interface RoomService {
  /** `replayed`: the key was used before for the same request, this is the room it made. */
  create(actor: Actor, input: CreateRoom, clientRequestId?: string): Promise<{ room: Room; replayed: boolean }>
  join(
    actor: Actor,
    roomId: string,
    input: JoinRoom,
  ): Promise<{ room: Room; participant: Participant; connection: Connection }>
  leave(actor: Actor, roomId: string): Promise<{ room: Room; participant: Participant }>
  end(actor: Actor, roomId: string): Promise<Room>
  get(actor: Actor, roomId: string): Promise<Room>
  /** The actor's rooms, newest first. */
  list(actor: Actor, filter: RoomFilter, page: Page): Promise<RoomPage>
  /** A room without authorisation: for the parts of the gateway that authorise themselves. */
  find(roomId: string): Promise<Room>
  /** As {@link find}. */
  participantsOf(roomIds: readonly string[]): Promise<ReadonlyMap<string, readonly Participant[]>>
  /** As {@link find}. */
  eventsOf(stretches: readonly Stretch[]): Promise<readonly (readonly RoomEvent[])[]>
  /** Applies the room's deadlines that have passed. */
  tick(roomId: string): Promise<void>
}

export interface RoomDependencies {
  readonly store: RoomStore
  readonly events: EventLog
  readonly clock: Clock
  readonly limits: Limits
  readonly media: Media
  newId(): string
  /** Says that events are in the log. */
  publish(roomId: string, events: readonly RoomEvent[]): void
}

/** Other nodes may be faster this often before a command gives up; each time one of them has got on. */
const MAX_CONFLICTS = 1000

export function createRoomService(dependencies: RoomDependencies): RoomService {
  const { store, events, clock, limits, media, newId, publish } = dependencies
  const turns = new Turns()

  /** Load → decide → commit, again from the start when somebody was faster. */
  const execute = (roomId: string, command: RoomCommand): Promise<Room> =>
    turns.take(roomId, async () => {
      for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts += 1) {
        const before = await load(roomId)
        const accepted = accept(decide(before, command, clock.now(), limits))
        if (accepted.events.length === 0) return accepted.room
        if (await store.commit(before.seq, accepted)) {
          publish(roomId, accepted.events)
          return accepted.room
        }
      }
      throw new RtcError('UNAVAILABLE', 'The room is too busy.', { retryAfter: 1 })
    })

  const load = async (roomId: string): Promise<Room> => {
    const room = isRoomId(roomId) ? await store.load(roomId) : null
    if (!room) throw new RtcError('NOT_FOUND', 'There is no such room.')
    return room
  }

  const replay = async (command: CreateCommand): Promise<Room> => {
    const { clientRequestId, requestHash } = command.room
    const room = clientRequestId === null ? null : await store.findByRequest(command.actor.id, clientRequestId)
    if (!room) throw new Error('a room was neither inserted nor found by its idempotency key')
    if (room.requestHash === requestHash) return room
    throw new RtcError('IDEMPOTENCY_CONFLICT', 'This idempotency key was used for another request.')
  }

  return {
    async create(actor, input, clientRequestId) {
      requireMetadataFits(input.metadata)
      const command = createCommand(actor, input, { id: newId(), clientRequestId: clientRequestId ?? null })
      const accepted = accept(decideCreate(command, clock.now(), limits))
      media.requireProvider(command.room.provider)
      if (!(await store.insert(accepted))) return { room: await replay(command), replayed: true }
      publish(accepted.room.id, accepted.events)
      return { room: accepted.room, replayed: false }
    },

    async join(actor, roomId, { deviceId, audio, video }) {
      const room = await execute(roomId, {
        type: 'join',
        actor,
        deviceId: deviceId ?? null,
        audio: audio ?? null,
        video: video ?? null,
      })
      return { room, participant: placeOf(room, actor), connection: media.connect(room, actor.id, clock.now()) }
    },

    async leave(actor, roomId) {
      const room = await execute(roomId, { type: 'leave', actor })
      return { room, participant: placeOf(room, actor) }
    },

    end: (actor, roomId) => execute(roomId, { type: 'end', actor }),

    async get(actor, roomId) {
      const room = await load(roomId)
      if (!canRead(actor, room)) throw new RtcError('FORBIDDEN', 'You are not a participant of this room.')
      return room
    },

    async list(actor, filter, { first, after, last, before }) {
      const backward = last !== undefined
      const size = last ?? first ?? PAGE_DEFAULT
      const found = await store.page({ scope: readScope(actor), filter, after, before, backward, limit: size + 1 })
      const more = found.length > size
      const rooms = backward ? found.slice(-size) : found.slice(0, size)
      // The cursor's own room lies beyond the page on the other side.
      return backward
        ? { rooms, hasNextPage: before !== undefined, hasPreviousPage: more }
        : { rooms, hasNextPage: more, hasPreviousPage: after !== undefined }
    },

    find: load,

    participantsOf: (roomIds) => store.participantsOf(roomIds),

    eventsOf: (stretches) => events.read(stretches),

    async tick(roomId) {
      await execute(roomId, { type: 'tick' })
    },
  }
}

function accept(decision: Decision): Accepted {
  if (decision.kind === 'change') return decision
  throw new RtcError(decision.code, decision.message, { problems: decision.problems ?? [] })
}

function placeOf(room: Room, actor: Actor): Participant {
  const place = findParticipant(room, actor.id)
  if (!place) throw new Error('whoever may act on a room has a place in it')
  return place
}

function createCommand(
  actor: Actor,
  input: CreateRoom,
  { id, clientRequestId }: { id: string; clientRequestId: string | null },
): CreateCommand {
  const request = {
    type: input.type,
    callerId: input.callerId ?? actor.id,
    calleeId: input.calleeId ?? null,
    participantIds: input.participantIds ?? [],
    mediaType: input.mediaType ?? 'video',
    name: input.name ?? null,
    metadata: input.metadata ?? null,
    provider: input.provider ?? 'webrtc',
    access: input.access ?? 'invited',
    maxParticipants: input.maxParticipants ?? null,
  } as const
  const requestHash = clientRequestId === null ? null : createHash('sha256').update(canonical(request)).digest('hex')
  return { type: 'create', actor, room: { ...request, id, clientRequestId, requestHash } }
}

/** JSON with sorted keys: the order of fields does not make another request. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  )
}
