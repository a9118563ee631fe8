import { createHash } from 'node:crypto'
import { type Actor, isAdmin } from '../core/actor.ts'
import type { Clock } from '../core/clock.ts'
import { RtcError } from '../core/errors.ts'
import type { MediaProvider } from '../core/media-provider.ts'
import type { Rates } from '../limits/rates.ts'
import type { MediaConnection, Media } from '../media/connection.ts'
import type { IceServer } from '../media/ice.ts'
import { callerOf, createCharges } from './charges.ts'
import type { CreateCommand } from './rules/create.ts'
import type { Executor } from './executor.ts'
import {
  type CreateRoom,
  type InviteParticipants,
  type JoinRoom,
  LeaveRoom,
  type Page,
  PAGE_DEFAULT,
  type RejectCall,
  requireMetadataFits,
  type TransferHost,
  type UpdateParticipant,
} from './input.ts'
import { findParticipant, type Participant, type Reach, type Room, type RoomFields, type RoomMember } from './model.ts'
import { type ParticipantsQuery, type ParticipantsSlice, sliceOf } from './participants-page.ts'
import { readScope, requireAllowed, requireReader } from './policy.ts'
import type { PageFilter, PageQuery } from './page.ts'
import type { RingCheck, RingChecker } from './ring-checker.ts'
import type { ProjectedRoom, Projection } from './projection.ts'
import { requireRoom, type RoomStore, type SeenRoom } from './store.ts'

export interface RoomPage<Listed> {
  readonly rooms: readonly Listed[]
  readonly hasNextPage: boolean
  readonly hasPreviousPage: boolean
}

/** The use cases of rooms, shared by GraphQL and REST. Every refusal is an RtcError. */
export interface RoomService {
  /**
   * `replayed`: the room existed before. The idempotency key was used for the same request; or the callee is calling the
   * caller, who has joined that call instead; or the caller is already calling the callee.
   *
   * @throws RtcError CALLEE_OFFLINE with RING_OFFLINE=fail, if no device of the callee is connected or can be notified
   */
  create(actor: Actor, input: CreateRoom, clientRequestId?: string | null): Promise<{ room: Room; replayed: boolean }>
  join(actor: Actor, roomId: string, input: JoinRoom): Promise<RoomMember & { connection: MediaConnection }>
  /** A new connection for a joined participant, valid from now. */
  refreshConnection(actor: Actor, roomId: string): Promise<MediaConnection>
  /** TURN servers are included only for users who are calling, have joined a room, or are being rung. */
  iceServers(actor: Actor): Promise<readonly IceServer[]>
  leave(actor: Actor, roomId: string, input?: LeaveRoom): Promise<RoomMember>
  end(actor: Actor, roomId: string): Promise<Room>
  reject(actor: Actor, roomId: string, input: RejectCall): Promise<RoomMember>
  /** `invited`: the participants of `userIds`, in the same order. */
  invite(actor: Actor, roomId: string, input: InviteParticipants): Promise<{ room: Room; invited: Participant[] }>
  remove(actor: Actor, roomId: string, userId: string): Promise<RoomMember>
  /** Makes another joined participant the host of a group. */
  transferHost(actor: Actor, roomId: string, input: TransferHost): Promise<RoomMember>
  /** Changes what the actor publishes. */
  update(actor: Actor, roomId: string, input: UpdateParticipant): Promise<RoomMember>
  /**
   * The ring of an invitation got to a device of the user, or to a push service. Ignored unless it got further than before
   * and still rings.
   *
   * @throws RtcError NOT_FOUND, UNAVAILABLE
   */
  reached(roomId: string, userId: string, reach: Exclude<Reach, 'none'>): Promise<void>
  get(actor: Actor, roomId: string): Promise<Room>
  /** What the projection names of the room and of all of its participants. */
  getProjected(actor: Actor, roomId: string, projection: Projection): Promise<ProjectedRoom>
  /** The room without its participants, except the actor's own row. */
  getWithoutParticipants(actor: Actor, roomId: string): Promise<SeenRoom>
  /** A page of the room's participants. */
  participants(actor: Actor, query: ParticipantsQuery): Promise<ParticipantsSlice>
  /** The actor's rooms, newest first. */
  list(actor: Actor, filter: PageFilter, page: Page): Promise<RoomPage<RoomFields>>
  /** {@link list}, but only what the projection names. A room with too many participants for one statement has none. */
  listProjected(actor: Actor, filter: PageFilter, page: Page, projection: Projection): Promise<RoomPage<ProjectedRoom>>
}

/** A change of a room by an administrator who is no participant of it. */
export interface AdminAction {
  readonly type: 'end_room' | 'remove_participant' | 'transfer_host'
  readonly actor: Actor
  readonly roomId: string
  /** The participant concerned; null for the whole room. */
  readonly userId: string | null
}

export interface RoomDependencies {
  readonly executor: Executor
  readonly store: RoomStore
  readonly ringChecker: RingChecker
  readonly clock: Clock
  readonly media: Media
  readonly rates: Rates
  newId(): string
  /** Called after an administrator changed a room in which they are no participant. */
  onAdminAction(action: AdminAction): Promise<void>
  /** End a call at once as busy when the callee is in another call, instead of letting it ring. */
  readonly rejectBusy: boolean
  /** Refuse a call whose callee has no connected device and no push subscription, instead of letting it ring. */
  readonly refuseOffline: boolean
  /** Whether the user has a live stream of incoming calls at this node. */
  isConnectedHere(userId: string): boolean
  /** Which of the users have devices that a push service can notify. */
  hasSubscriptions(userIds: readonly string[]): Promise<ReadonlySet<string>>
  /** Per user: rooms that may be live, and invitations that may ring, at the same time. */
  readonly quotas: { readonly liveRoomsMax: number; readonly ringingMax: number }
}

export function createRoomService(dependencies: RoomDependencies): RoomService {
  const { executor, store, ringChecker, clock, media, rates, newId, rejectBusy, refuseOffline, quotas } = dependencies
  const { load, execute } = executor
  const charges = createCharges(rates)
  const report = async (type: AdminAction['type'], actor: Actor, room: Room, userId: string | null = null) => {
    if (!isAdmin(actor) || findParticipant(room, actor.id)) return
    await dependencies.onAdminAction({ type, actor, roomId: room.id, userId })
  }

  /** {@link RingChecker.check}; a stream of this node counts even before it is written. */
  const checkRings: RingChecker['check'] = async (query) => {
    const check = await ringChecker.check(query)
    const here = query.userIds.filter((userId) => dependencies.isConnectedHere(userId))
    return { ...check, connected: new Set([...check.connected, ...here]) }
  }

  const isUnreachable = async (
    userId: string,
    { silentFor, connected }: Pick<CreateCommand, 'silentFor' | 'connected'>,
  ): Promise<boolean> => {
    const hasBlocked = silentFor.has(userId)
    if (connected.has(userId) && !hasBlocked) return false
    // Also for a callee who has blocked the caller, so that the response takes as long as for one who is offline.
    const notifiable = await dependencies.hasSubscriptions([userId])
    return hasBlocked || !notifiable.has(userId)
  }

  const list = async <Listed>(
    actor: Actor,
    filter: PageFilter,
    { first, after, last, before }: Page,
    read: (query: PageQuery) => Promise<readonly Listed[]>,
  ): Promise<RoomPage<Listed>> => {
    charges.command(actor)
    const backward = last !== null
    const size = last ?? first ?? PAGE_DEFAULT
    const found = await read({ scope: readScope(actor), filter, after, before, backward, limit: size + 1 })
    const more = found.length > size
    const rooms = backward ? found.slice(-size) : found.slice(0, size)
    // The cursor's own room lies outside the page on the other side.
    return backward
      ? { rooms, hasNextPage: before !== null, hasPreviousPage: more }
      : { rooms, hasNextPage: more, hasPreviousPage: after !== null }
  }

  return {
    async create(actor, input, clientRequestId = null) {
      requireMetadataFits(input.metadata)
      charges.create(actor, input)
      const userIds = input.type === 'p2p' ? [input.calleeId ?? ''] : input.participantIds
      const query = { callerId: callerOf(actor, input), userIds, now: clock.now(), ...quotas }
      const { liveRooms, ...invitees } = await checkRings(query)
      if (liveRooms >= quotas.liveRoomsMax) throw tooManyRooms(quotas.liveRoomsMax)
      const { blockedBy, connected } = invitees
      const rings = input.type === 'p2p' ? { silentFor: blockedBy, connected } : groupRings(invitees)
      const calleeIsBusy = rejectBusy && input.calleeId !== null && (await store.isInCall(input.calleeId))
      const calleeIsOffline =
        refuseOffline && input.type === 'p2p' && (await isUnreachable(input.calleeId ?? '', rings))
      const ids = { id: newId(), clientRequestId }
      const provider = input.provider ?? media.defaultProvider
      media.requireProvider(provider)
      const command = createCommand(actor, { ...input, provider }, { ...ids, calleeIsBusy, calleeIsOffline, ...rings })
      return executor.create(command)
    },

    async join(actor, roomId, input) {
      charges.join(actor)
      const room = await execute(roomId, { ...input, type: 'join', actor, providers: media.providers })
      const member = memberOf(room, actor.id)
      return { ...member, connection: await media.connect(member, clock.now()) }
    },

    async refreshConnection(actor, roomId) {
      charges.command(actor)
      // A passed deadline may not be committed yet.
      const room = await execute(roomId, { type: 'tick' })
      requireAllowed('connect', { actor, room })
      return media.connect(memberOf(room, actor.id), clock.now())
    },

    iceServers(actor) {
      const now = clock.now()
      return media.iceServers(actor.id, now, () => store.isInOrRung(actor.id, now))
    },

    async leave(actor, roomId, input = LeaveRoom.parse({})) {
      charges.command(actor)
      return memberOf(await execute(roomId, { ...input, type: 'leave', actor }), actor.id)
    },

    async end(actor, roomId) {
      charges.command(actor)
      const room = await execute(roomId, { type: 'end', actor })
      await report('end_room', actor, room)
      return room
    },

    async reject(actor, roomId, { reason }) {
      charges.command(actor)
      const room = await execute(roomId, { type: 'reject', actor, reason })
      charges.declined(room, actor.id)
      return memberOf(room, actor.id)
    },

    async invite(actor, roomId, { userIds }) {
      charges.invite(actor, userIds)
      const query = { callerId: actor.id, userIds, now: clock.now(), ...quotas, liveRoomsMax: 0 }
      const rings = groupRings(await checkRings(query))
      const room = await execute(roomId, { type: 'invite', actor, userIds, ...rings })
      return { room, invited: userIds.map((userId) => memberOf(room, userId).participant) }
    },

    async remove(actor, roomId, userId) {
      charges.command(actor)
      const room = await execute(roomId, { type: 'remove', actor, userId })
      await report('remove_participant', actor, room, userId)
      return memberOf(room, userId)
    },

    async transferHost(actor, roomId, { userId }) {
      charges.command(actor)
      const room = await execute(roomId, { type: 'transferHost', actor, userId })
      await report('transfer_host', actor, room, userId)
      return memberOf(room, userId)
    },

    async update(actor, roomId, input) {
      charges.command(actor)
      const room = await execute(roomId, { ...input, type: 'update', actor })
      return memberOf(room, actor.id)
    },

    async reached(roomId, userId, reach) {
      await execute(roomId, { type: 'reached', userId, reach })
    },

    async get(actor, roomId) {
      charges.command(actor)
      const room = await load(roomId)
      requireAllowed('read', { actor, room })
      return room
    },

    async getProjected(actor, givenId, projection) {
      charges.command(actor)
      const found = await requireRoom(givenId, (roomId) => store.loadProjectedFor(actor.id, roomId, projection))
      requireReader(actor, found.me)
      return found.room
    },

    async getWithoutParticipants(actor, givenId) {
      charges.command(actor)
      const seen = await requireRoom(givenId, (roomId) => store.loadFor(actor.id, roomId))
      requireReader(actor, seen.me)
      return seen
    },

    async participants(actor, query) {
      charges.command(actor)
      const seen = await requireRoom(query.roomId, (roomId) => store.loadPageFor(actor.id, { ...query, roomId }))
      requireReader(actor, seen.me)
      return sliceOf(seen.participants, query.first)
    },

    list: (actor, filter, page) => list(actor, filter, page, store.page),

    listProjected: (actor, filter, page, projection) =>
      list(actor, filter, page, (query) => store.projectedPage(query, projection)),
  }
}

/** At the ring limit of an invited user, an invitation to a group is silent. */
const groupRings = ({ blockedBy, atRingLimit, connected }: Omit<RingCheck, 'liveRooms'>) => ({
  silentFor: new Set([...blockedBy, ...atRingLimit]),
  connected,
})

const tooManyRooms = (max: number): RtcError =>
  new RtcError('RATE_LIMITED', `You have ${max} rooms that have not ended; end some of them first.`, { retryAfter: 60 })

function memberOf(room: Room, userId: string): RoomMember {
  const participant = findParticipant(room, userId)
  if (!participant) throw new Error('no participant row after a command on this user')
  return { room, participant }
}

function createCommand(
  actor: Actor,
  input: CreateRoom & { readonly provider: MediaProvider },
  {
    id,
    clientRequestId,
    ...facts
  }: Pick<CreateCommand, 'calleeIsBusy' | 'calleeIsOffline' | 'silentFor' | 'connected'> & {
    id: string
    clientRequestId: string | null
  },
): CreateCommand {
  const request = {
    type: input.type,
    callerId: input.callerId ?? actor.id,
    calleeId: input.calleeId,
    participantIds: input.participantIds,
    mediaType: input.mediaType,
    name: input.name,
    metadata: input.metadata,
    provider: input.provider,
    access: input.access,
    maxParticipants: input.maxParticipants,
  } as const
  const keyed = clientRequestId !== null
  const requestHash = keyed ? createHash('sha256').update(canonical(request)).digest('hex') : null
  const room = { ...request, id, clientRequestId, requestHash }
  return { type: 'create', actor, ...facts, expectStream: input.expectStream, room }
}

/** JSON with sorted keys, so that requests that differ only in the order of fields are equal. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  )
}
