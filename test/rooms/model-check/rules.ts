import { isDeepStrictEqual } from 'node:util'
import type { ErrorCode } from '../../../src/core/errors.ts'
import type {
  EndReason,
  LeaveReason,
  MediaType,
  ParticipantRole,
  ParticipantState,
  RoomAccess,
  RoomEventType,
  RoomStatus,
  RoomType,
} from '../../../src/rooms/model.ts'

/*
 * The rules of rooms once more, as plainly as they can be said: records that change in place, times in milliseconds,
 * one function a command. Written from the contract's table of commands and not from `src/rooms`, with which it shares
 * nothing but words, so that the two can disagree.
 */

/** Milliseconds. The maximum duration is short, so that rooms reach it. */
export const LIMITS = { ring: 45_000, grace: 20_000, empty: 30_000, maxDuration: 240_000 }
/** Seats of a group that names no number: all of these are of provider webrtc. Few, so that they are taken. */
export const MESH_MAX = 3
/** Calls that ring for one person at the same time: few, so that it happens. */
export const RINGING_MAX = 2
/** For so long nobody else gets a room that one node has taken to sweep it. */
const CLAIM = 5_000

export interface User {
  readonly id: string
  readonly isAdmin: boolean
}

export interface Place {
  readonly userId: string
  readonly role: ParticipantRole
  state: ParticipantState
  audio: boolean
  video: boolean
  connected: boolean
  deviceId: string | null
  sessionId: string | null
  joinedAt: number | null
  leftAt: number | null
  leaveReason: LeaveReason | null
  /** Milliseconds of all completed sessions. */
  completedMillis: number
  ringsUntil: number | null
  graceUntil: number | null
  /** Their devices do not ring. */
  silent: boolean
  lostAt: number | null
  leavesAt: number | null
}

export interface Request {
  readonly type: RoomType
  readonly callerId: string | null
  readonly calleeId: string | null
  readonly participantIds: readonly string[]
  readonly mediaType: MediaType
  readonly access: RoomAccess
  readonly maxParticipants: number | null
}

export interface Room {
  /** The order in which rooms were made, from 0. */
  readonly nth: number
  readonly createdBy: string
  readonly key: string | null
  readonly request: Request
  readonly type: RoomType
  readonly mediaType: MediaType
  readonly access: RoomAccess
  readonly callerId: string
  readonly calleeId: string | null
  readonly maxParticipants: number
  readonly createdAt: number
  status: RoomStatus
  startedAt: number | null
  endedAt: number | null
  endReason: EndReason | null
  endedBy: string | null
  hostId: string | null
  activeUntil: number | null
  emptyAt: number | null
  expiresAt: number
  /** Set while a node that has not finished keeps the room to itself. */
  claimedUntil: number | null
  readonly places: Place[]
  /** What happened, when, to whom and by whom. */
  readonly log: Happening[]
}

export interface Happening {
  readonly type: RoomEventType
  readonly at: number
  readonly subjectId: string | null
  readonly actorId: string | null
}

/** What somebody, or time, does to a room that exists. */
export type Deed =
  | {
      readonly type: 'join'
      readonly actor: User
      readonly deviceId: string | null
      readonly sessionId: string | null
      readonly expectStream: boolean
      readonly mesh: boolean
      readonly audio: boolean | null
      readonly video: boolean | null
    }
  | {
      readonly type: 'leave'
      readonly actor: User
      readonly deviceId: string | null
      readonly sessionId: string | null
      readonly after: number | null
    }
  | { readonly type: 'end'; readonly actor: User }
  | { readonly type: 'read'; readonly actor: User }
  | { readonly type: 'reject'; readonly actor: User; readonly reason: 'declined' | 'busy' }
  | { readonly type: 'invite'; readonly actor: User; readonly userIds: readonly string[] }
  | { readonly type: 'remove'; readonly actor: User; readonly userId: string }
  | { readonly type: 'transferHost'; readonly actor: User; readonly userId: string }
  | { readonly type: 'update'; readonly actor: User; readonly audio: boolean | null; readonly video: boolean | null }
  | { readonly type: 'supersede' }
  | { readonly type: 'disconnect'; readonly userId: string; readonly deviceId: string | null }
  | { readonly type: 'reconnect'; readonly userId: string; readonly deviceId: string | null }
  /** The stream that this session has announced never came; it began so many seconds ago. */
  | { readonly type: 'absent'; readonly userId: string; readonly sessionId: string; readonly ago: number }
  | { readonly type: 'tick' }

export type Outcome = 'ok' | ErrorCode
export type Creation =
  | { readonly outcome: 'ok'; readonly room: Room; readonly replayed: boolean }
  | { readonly outcome: ErrorCode }

/** All rooms there are, and what time it is. */
export class Rules {
  readonly rooms: Room[] = []
  /** Who has blocked whom, as `who>whom`. */
  readonly blocks = new Set<string>()
  now: number

  constructor(now: number) {
    this.now = now
  }

  create(actor: User, request: Request, key: string | null): Creation {
    const problem = problemOf(actor, request)
    if (problem) return { outcome: problem }
    const made = this.rooms.find((room) => key !== null && room.key === key && room.createdBy === actor.id)
    if (made) {
      const isSame = isDeepStrictEqual(made.request, { ...request, callerId: request.callerId ?? actor.id })
      return isSame ? { outcome: 'ok', room: made, replayed: true } : { outcome: 'IDEMPOTENCY_CONFLICT' }
    }
    const callerId = request.callerId ?? actor.id
    const calleeId = request.calleeId ?? ''
    const there =
      request.type === 'p2p' ? (this.#meet(callerId, calleeId) ?? this.#repeat(callerId, request)) : undefined
    if (there) return { outcome: 'ok', room: there, replayed: true }
    const isBusy = request.type === 'p2p' && !this.#isBlocked(calleeId, callerId) && this.#isRungEnough(calleeId)
    const silentFor = (userId: string) =>
      this.#isBlocked(userId, callerId) || (request.type === 'group' && this.#isRungEnough(userId))
    const room = newRoom({ actor, request, key, nth: this.rooms.length, now: this.now, silentFor })
    if (isBusy) turnAway(room, this.now)
    this.rooms.push(room)
    return { outcome: 'ok', room, replayed: false }
  }

  /** What is overdue happens first; a refusal leaves everything as it was. */
  carryOut(room: Room, deed: Deed): Outcome {
    if (deed.type === 'read') return mayRead(room, deed.actor) ? 'ok' : 'FORBIDDEN'
    const silent = new Set(deed.type === 'invite' ? deed.userIds.filter((id) => this.#isSilent(id, deed.actor.id)) : [])
    const after = structuredClone(room)
    letTimePass(after, this.now)
    const refusal = perform(after, deed, { now: this.now, silent })
    if (refusal) return refusal
    if (after.log.length > room.log.length) after.claimedUntil = null
    Object.assign(room, after)
    return 'ok'
  }

  #isBlocked(userId: string, callerId: string): boolean {
    return this.blocks.has(`${userId}>${callerId}`)
  }

  #isSilent(userId: string, callerId: string): boolean {
    return this.#isBlocked(userId, callerId) || this.#isRungEnough(userId)
  }

  #isRungEnough(userId: string): boolean {
    const ringing = this.rooms.filter(({ places }) =>
      places.some(
        (place) =>
          place.userId === userId &&
          place.role !== 'caller' &&
          place.state === 'invited' &&
          !place.silent &&
          (place.ringsUntil ?? 0) > this.now,
      ),
    )
    return ringing.length >= RINGING_MAX
  }

  /** The call by which the caller calls the same callee already, if it is the same; another one gives way. */
  #repeat(callerId: string, { calleeId, mediaType }: Request): Room | undefined {
    const earlier = this.rooms.find(
      (room) =>
        room.callerId === callerId &&
        room.calleeId === calleeId &&
        room.status === 'waiting' &&
        placeOf(room, calleeId ?? '')?.state === 'invited',
    )
    if (!earlier) return undefined
    this.carryOut(earlier, { type: 'tick' })
    const caller = placeOf(earlier, callerId)
    const isLost = caller?.state === 'joined' && !caller.connected
    if (isOpen(earlier) && earlier.mediaType === mediaType && !isLost) return earlier
    this.carryOut(earlier, { type: 'supersede' })
    return this.#repeat(callerId, { calleeId, mediaType } as Request)
  }

  /** The call by which the callee calls the caller while it rings, which the caller then joins; the earliest of several. */
  #meet(callerId: string, calleeId: string): Room | undefined {
    const opposite = this.rooms.find((room) => {
      const mine = placeOf(room, callerId)
      const isTheirs = room.callerId === calleeId && room.calleeId === callerId && room.status === 'waiting'
      return isTheirs && mine?.state === 'invited' && (mine.ringsUntil ?? 0) > this.now
    })
    if (!opposite) return undefined
    const actor = { id: callerId, isAdmin: false }
    const nothing = { deviceId: null, sessionId: null, expectStream: false, mesh: false, audio: null, video: null }
    const outcome = this.carryOut(opposite, { type: 'join', actor, ...nothing })
    if (outcome === 'ok') return opposite
    // It was over by another deadline that nobody had looked at.
    this.carryOut(opposite, { type: 'tick' })
    return this.#meet(callerId, calleeId)
  }

  /** A node takes all rooms that are due; it has not done anything to them yet. */
  claim(): Room[] {
    const due = this.rooms.filter((room) => (wakesAt(room) ?? Infinity) <= this.now)
    for (const room of due) room.claimedUntil = this.now + CLAIM
    return due
  }
}

/** When the earliest deadline of the room is; an ended room has none. */
export const deadlineOf = (room: Room): number | null => firstDeadline(room)?.at ?? null

/** When the sweeper will find the room. */
export const wakesAt = (room: Room): number | null => room.claimedUntil ?? deadlineOf(room)

export const isOpen = (room: Room): boolean => room.status !== 'ended'

const placeOf = (room: Room, userId: string): Place | undefined => room.places.find((place) => place.userId === userId)
const seated = (room: Room): Place[] => room.places.filter(({ state }) => state === 'joined')

function problemOf(actor: User, request: Request): ErrorCode | undefined {
  const { type, calleeId, participantIds, access, maxParticipants } = request
  const callerId = request.callerId ?? actor.id
  if (callerId !== actor.id && !actor.isAdmin) return 'FORBIDDEN'
  const isSound =
    type === 'p2p'
      ? calleeId !== null &&
        calleeId !== callerId &&
        participantIds.length === 0 &&
        access === 'invited' &&
        (maxParticipants ?? 2) === 2
      : calleeId === null && invitedBy(callerId, participantIds).length <= (maxParticipants ?? MESH_MAX)
  return isSound ? undefined : 'BAD_USER_INPUT'
}

const invitedBy = (callerId: string, userIds: readonly string[]): string[] =>
  [...new Set(userIds)].filter((userId) => userId !== callerId)

interface Making {
  readonly actor: User
  readonly request: Request
  readonly key: string | null
  readonly nth: number
  readonly now: number
  silentFor(userId: string): boolean
}

function newRoom({ actor, request, key, nth, now, silentFor }: Making): Room {
  const { type, mediaType, access, calleeId } = request
  const callerId = request.callerId ?? actor.id
  const ringsUntil = now + LIMITS.ring
  const invited =
    type === 'p2p'
      ? [newPlace(calleeId ?? '', 'callee', ringsUntil)]
      : invitedBy(callerId, request.participantIds).map((userId) => newPlace(userId, 'member', ringsUntil))
  for (const place of invited) place.silent = silentFor(place.userId)
  return {
    nth,
    createdBy: actor.id,
    key,
    request: { ...request, callerId },
    type,
    mediaType,
    access,
    callerId,
    calleeId,
    maxParticipants: request.maxParticipants ?? (type === 'p2p' ? 2 : MESH_MAX),
    createdAt: now,
    status: 'waiting',
    startedAt: null,
    endedAt: null,
    endReason: null,
    endedBy: null,
    hostId: type === 'group' ? callerId : null,
    activeUntil: null,
    emptyAt: type === 'p2p' ? null : now + (invited.length > 0 ? Math.max(LIMITS.ring, LIMITS.empty) : LIMITS.empty),
    expiresAt: now + LIMITS.maxDuration,
    claimedUntil: null,
    places: [newPlace(callerId, 'caller', type === 'p2p' ? ringsUntil : null), ...invited],
    log: [{ type: 'room_created', at: now, subjectId: null, actorId: actor.id }],
  }
}

const newPlace = (userId: string, role: ParticipantRole, ringsUntil: number | null): Place => ({
  userId,
  role,
  state: 'invited',
  audio: false,
  video: false,
  connected: false,
  deviceId: null,
  sessionId: null,
  joinedAt: null,
  leftAt: null,
  leaveReason: null,
  completedMillis: 0,
  ringsUntil,
  graceUntil: null,
  silent: false,
  lostAt: null,
  leavesAt: null,
})

/** Too much rings for the callee. */
function turnAway(room: Room, now: number): void {
  const callee = placeOf(room, room.calleeId ?? '')
  if (!callee) return
  callee.state = 'rejected'
  callee.ringsUntil = null
  happen(room, 'participant_rejected', { now, subjectId: callee.userId, actorId: null })
  close(room, { reason: 'busy', by: null, now })
}

const mayRead = (room: Room, { id, isAdmin }: User): boolean =>
  isAdmin || (placeOf(room, id) ?? { state: 'removed' }).state !== 'removed'

function perform(
  room: Room,
  deed: Exclude<Deed, { type: 'read' }>,
  { now, silent }: { now: number; silent: ReadonlySet<string> },
): ErrorCode | undefined {
  switch (deed.type) {
    case 'join':
      return join(room, deed, now)
    case 'leave':
      return leave(room, deed, now)
    case 'end':
      return end(room, deed.actor, now)
    case 'reject':
      return reject(room, deed, now)
    case 'invite':
      return invite(room, deed, { now, silent })
    case 'remove':
      return remove(room, deed, now)
    case 'transferHost':
      return transferHost(room, deed, now)
    case 'update':
      return update(room, deed, now)
    case 'disconnect':
      return disconnect(room, deed, now)
    case 'reconnect':
      return reconnect(room, deed, now)
    case 'absent':
      return absent(room, deed, now)
    case 'supersede':
      return supersede(room, now)
    case 'tick':
      return undefined
    default:
      return deed satisfies never
  }
}

function join(room: Room, deed: Deed & { type: 'join' }, now: number): ErrorCode | undefined {
  const { actor, deviceId, sessionId } = deed
  const known = placeOf(room, actor.id)
  if (!isOpen(room)) return 'ROOM_ENDED'
  if (!known && room.access === 'invited') return 'NOT_INVITED'
  if (known?.state === 'removed') return 'FORBIDDEN'
  if (known?.state === 'joined' && known.deviceId === deviceId) {
    const isAnother = sessionId !== null && sessionId !== known.sessionId
    const closes = known.leavesAt !== null
    if (!isAnother && !closes) return undefined
    if (isAnother) {
      known.sessionId = sessionId
      known.audio = deed.audio ?? true
      known.video = deed.video ?? room.mediaType === 'video'
    }
    const returns = !known.connected && (closes || deed.expectStream)
    if (returns) beThere(known)
    const type = returns ? 'participant_reconnected' : 'participant_updated'
    happen(room, type, { now, subjectId: actor.id, actorId: actor.id })
    return undefined
  }
  if (known?.state === 'joined') {
    goOut(known, { state: 'left', reason: 'replaced', now })
    happen(room, 'participant_left', { now, subjectId: actor.id, actorId: actor.id })
  } else {
    const seats = deed.mesh ? Math.min(room.maxParticipants, MESH_MAX) : room.maxParticipants
    if (seated(room).length >= seats) return 'ROOM_FULL'
  }

  const place = known ?? newPlace(actor.id, 'member', null)
  if (!known) room.places.push(place)
  place.state = 'joined'
  place.deviceId = deviceId
  place.sessionId = sessionId ?? nextSessionId(room)
  place.audio = deed.audio ?? true
  place.video = deed.video ?? room.mediaType === 'video'
  beThere(place)
  place.joinedAt = now
  place.leftAt = null
  place.leaveReason = null
  place.ringsUntil = null
  room.emptyAt = null
  happen(room, 'participant_joined', { now, subjectId: actor.id, actorId: actor.id })
  if (room.status === 'waiting' && seated(room).length === 2) {
    room.status = 'active'
    room.startedAt = now
    room.expiresAt = now + LIMITS.maxDuration
    happen(room, 'room_started', { now, subjectId: null, actorId: actor.id })
  }
  passOn(room, { actorId: actor.id, now })
  return undefined
}

/** How the gateway names a session: by the event that begins it. */
const nextSessionId = (room: Room): string => `#${room.log.length + 1}`

function beThere(place: Place): void {
  place.connected = true
  place.graceUntil = null
  place.lostAt = null
  place.leavesAt = null
}

function leave(
  room: Room,
  { actor, deviceId, sessionId, after }: Deed & { type: 'leave' },
  now: number,
): ErrorCode | undefined {
  const place = placeOf(room, actor.id)
  if (!place || place.state === 'removed') return 'FORBIDDEN'
  const another = place.state === 'joined' && deviceId !== null && place.deviceId !== deviceId
  if (another || (sessionId !== null && sessionId !== place.sessionId)) return undefined
  if (isOpen(room) && ['invited', 'joined'].includes(place.state)) {
    if (after !== null && after > 0) {
      closeLater(room, place, { at: now + Math.min(after * 1000, LIMITS.grace), now })
      return undefined
    }
    place.lostAt = null
    walkOut(room, place, { reason: 'left', actorId: actor.id, now })
  }
  return undefined
}

function end(room: Room, actor: User, now: number): ErrorCode | undefined {
  const role = placeOf(room, actor.id)?.role
  const isTheirs = role === 'callee' || (room.type === 'p2p' ? role === 'caller' : actor.id === room.hostId)
  if (!isTheirs && !actor.isAdmin) return 'FORBIDDEN'
  if (isOpen(room)) close(room, { reason: reasonOf(room, role), by: actor.id, now })
  return undefined
}

function supersede(room: Room, now: number): undefined {
  const stillRings = room.status === 'waiting' && placeOf(room, room.calleeId ?? '')?.state === 'invited'
  if (stillRings) close(room, { reason: 'cancelled', by: room.callerId, now })
}

function reject(room: Room, { actor, reason }: Deed & { type: 'reject' }, now: number): ErrorCode | undefined {
  const place = placeOf(room, actor.id)
  if (!place || place.state === 'removed') return 'FORBIDDEN'
  if (place.role === 'caller' && (room.type === 'p2p' || room.hostId === actor.id)) return 'FORBIDDEN'
  if (!isOpen(room)) return 'CONFLICT'
  if (place.state === 'rejected') return undefined
  if (place.state !== 'invited') return 'CONFLICT'
  place.state = 'rejected'
  place.ringsUntil = null
  happen(room, 'participant_rejected', { now, subjectId: actor.id, actorId: actor.id })
  if (room.type === 'p2p') close(room, { reason: reason === 'busy' ? 'busy' : 'rejected', by: actor.id, now })
  return undefined
}

function invite(
  room: Room,
  { actor, userIds }: Deed & { type: 'invite' },
  { now, silent }: { now: number; silent: ReadonlySet<string> },
): ErrorCode | undefined {
  if (actor.id !== room.hostId) return 'FORBIDDEN'
  if (!isOpen(room)) return 'ROOM_ENDED'
  if (seated(room).length >= room.maxParticipants) return 'ROOM_FULL'
  const expected = room.places.filter(({ state }) => state === 'joined' || state === 'invited')
  const members = new Set([...expected.map(({ userId }) => userId), ...userIds])
  members.delete(room.callerId)
  if (members.size > room.maxParticipants) return 'BAD_USER_INPUT'
  const isAwaited = hasNeverBeenJoined(room) && (room.emptyAt ?? Infinity) < now + LIMITS.ring
  const isNews = userIds.some((userId) => !expected.some((place) => place.userId === userId))
  if (isAwaited && isNews) room.emptyAt = now + LIMITS.ring
  for (const userId of userIds) {
    const known = placeOf(room, userId)
    if (known?.state === 'joined' || known?.state === 'invited') continue
    const place = known ?? newPlace(userId, 'member', null)
    if (!known) room.places.push(place)
    place.state = 'invited'
    place.ringsUntil = now + LIMITS.ring
    place.silent = silent.has(userId)
    happen(room, 'participant_invited', { now, subjectId: userId, actorId: actor.id })
  }
  return undefined
}

function remove(room: Room, { actor, userId }: Deed & { type: 'remove' }, now: number): ErrorCode | undefined {
  if (actor.id !== room.hostId) return 'FORBIDDEN'
  const place = placeOf(room, userId)
  if (!place) return 'NOT_FOUND'
  if (userId === room.hostId) return 'FORBIDDEN'
  if (place.state === 'removed') return undefined
  if (!isOpen(room)) return 'ROOM_ENDED'
  const wasIn = place.state === 'joined'
  goOut(place, { state: 'removed', reason: 'removed', now })
  if (wasIn && seated(room).length === 0) room.emptyAt = now + LIMITS.empty
  happen(room, 'participant_removed', { now, subjectId: userId, actorId: actor.id })
  return undefined
}

function transferHost(
  room: Room,
  { actor, userId }: Deed & { type: 'transferHost' },
  now: number,
): ErrorCode | undefined {
  if (room.type === 'p2p') return 'FORBIDDEN'
  if (actor.id !== room.hostId && !actor.isAdmin) return 'FORBIDDEN'
  if (!isOpen(room)) return 'ROOM_ENDED'
  const place = placeOf(room, userId)
  if (!place) return 'NOT_FOUND'
  if (userId === room.hostId) return undefined
  if (place.state !== 'joined') return 'CONFLICT'
  room.hostId = userId
  happen(room, 'room_updated', { now, subjectId: null, actorId: actor.id })
  return undefined
}

/** A host who was there, or has declined, and is not there hosts no more as soon as somebody else is. */
function passOn(room: Room, { actorId, now }: { actorId: string | null; now: number }): void {
  const host = room.hostId === null ? undefined : placeOf(room, room.hostId)
  if (!host || ['invited', 'joined'].includes(host.state)) return
  const longest = seated(room).reduce<Place | undefined>(
    (best, place) => (best && (best.joinedAt ?? 0) <= (place.joinedAt ?? 0) ? best : place),
    undefined,
  )
  if (!longest) return
  room.hostId = longest.userId
  happen(room, 'room_updated', { now, subjectId: null, actorId })
}

function update(room: Room, { actor, audio, video }: Deed & { type: 'update' }, now: number): ErrorCode | undefined {
  const place = placeOf(room, actor.id)
  if (place?.state !== 'joined') return 'FORBIDDEN'
  const isNews = (audio ?? place.audio) !== place.audio || (video ?? place.video) !== place.video
  place.audio = audio ?? place.audio
  place.video = video ?? place.video
  if (isNews) happen(room, 'participant_updated', { now, subjectId: actor.id, actorId: actor.id })
  return undefined
}

/** The client closes. It looks lost until then, or until it is back. */
function closeLater(room: Room, place: Place, { at, now }: { at: number; now: number }): void {
  if (place.state !== 'joined' || place.leavesAt !== null) return
  const type = place.connected ? 'participant_disconnected' : 'participant_updated'
  place.connected = false
  place.lostAt ??= now
  place.leavesAt = at
  happen(room, type, { now, subjectId: place.userId, actorId: place.userId })
}

/** Only of the device in the seat can a stream say anything. */
function inSeat(room: Room, userId: string, deviceId: string | null): Place | undefined {
  const place = placeOf(room, userId)
  return place?.state === 'joined' && place.deviceId === deviceId ? place : undefined
}

function disconnect(room: Room, { userId, deviceId }: Deed & { type: 'disconnect' }, now: number): undefined {
  const place = inSeat(room, userId, deviceId)
  if (!place?.connected) return
  place.connected = false
  place.lostAt = now
  place.graceUntil = now + LIMITS.grace
  happen(room, 'participant_disconnected', { now, subjectId: userId, actorId: null })
}

function reconnect(room: Room, { userId, deviceId }: Deed & { type: 'reconnect' }, now: number): undefined {
  const place = inSeat(room, userId, deviceId)
  if (!place || place.connected) return
  beThere(place)
  happen(room, 'participant_reconnected', { now, subjectId: userId, actorId: userId })
}

function absent(room: Room, { userId, sessionId, ago }: Deed & { type: 'absent' }, now: number): undefined {
  const place = placeOf(room, userId)
  if (place?.state !== 'joined' || place.sessionId !== sessionId || !place.connected) return
  place.lostAt = now - ago * 1000
  lose(room, place, now)
}

interface Deadline {
  readonly at: number
  fall(now: number): void
}

/** The earliest; of those at the same instant the room's own first, then the participants' in the order they came. */
function firstDeadline(room: Room): Deadline | undefined {
  if (!isOpen(room)) return undefined
  const all: (Deadline | undefined)[] = [
    { at: room.expiresAt, fall: (now) => close(room, { reason: 'expired', by: null, now }) },
    room.emptyAt === null
      ? undefined
      : { at: room.emptyAt, fall: (now) => close(room, { reason: emptyReason(room), by: null, now }) },
    ...room.places.flatMap((place) => [
      place.ringsUntil === null ? undefined : { at: place.ringsUntil, fall: (now: number) => miss(room, place, now) },
      place.graceUntil === null ? undefined : { at: place.graceUntil, fall: (now: number) => lose(room, place, now) },
      place.leavesAt === null
        ? undefined
        : {
            at: place.leavesAt,
            fall: (now: number) => walkOut(room, place, { reason: 'left', actorId: place.userId, now }),
          },
    ]),
  ]
  return all.filter((deadline) => deadline !== undefined).toSorted((a, b) => a.at - b.at)[0]
}

function letTimePass(room: Room, now: number): void {
  for (let first = firstDeadline(room); first && first.at <= now; first = firstDeadline(room)) first.fall(now)
}

/** Nobody answered in time. A call that was answered, by a callee whose caller never came, has failed. */
function miss(room: Room, ringing: Place, now: number): void {
  const place = room.type === 'p2p' ? placeOf(room, room.calleeId ?? '') : ringing
  const isMissed = place?.state === 'invited'
  if (place && isMissed) {
    place.state = 'missed'
    place.ringsUntil = null
    happen(room, 'participant_missed', { now, subjectId: place.userId, actorId: null })
  }
  if (room.type === 'p2p') close(room, { reason: isMissed ? 'missed' : 'failed', by: null, now })
  else if (hasNeverBeenJoined(room) && room.places.every(({ ringsUntil }) => ringsUntil === null)) {
    close(room, { reason: 'missed', by: null, now })
  }
}

const hasNeverBeenJoined = (room: Room): boolean => room.places.every(({ joinedAt }) => joinedAt === null)

/** A group to which nobody came, though somebody was invited, was missed. */
const emptyReason = (room: Room): EndReason =>
  hasNeverBeenJoined(room) && room.places.some(({ role }) => role !== 'caller') ? 'missed' : 'empty'

const lose = (room: Room, place: Place, now: number): void =>
  walkOut(room, place, { reason: 'disconnected', actorId: null, now })

/** Somebody goes: with them a call between two, and of a group the one who was last in it leaves it empty. */
function walkOut(
  room: Room,
  place: Place,
  { reason, actorId, now }: { reason: LeaveReason; actorId: string | null; now: number },
): void {
  const wasIn = place.state === 'joined'
  goOut(place, { state: 'left', reason, now })
  if (room.type === 'group' && wasIn && seated(room).length === 0) room.emptyAt = now + LIMITS.empty
  happen(room, 'participant_left', { now, subjectId: place.userId, actorId })
  if (room.type === 'p2p') {
    close(room, { reason: reasonOf(room, place.role), by: actorId, now, talkedUntil: place.lostAt ?? now })
  } else passOn(room, { actorId, now })
}

/** Why the room is over when somebody in this role hangs up. */
function reasonOf(room: Room, role: ParticipantRole | undefined): EndReason {
  if (room.status === 'active') return 'completed'
  return role === 'callee' ? 'rejected' : 'cancelled'
}

function close(
  room: Room,
  { reason, by, now, talkedUntil = now }: { reason: EndReason; by: string | null; now: number; talkedUntil?: number },
): void {
  for (const place of room.places) {
    if (place.state === 'joined') goOut(place, { state: 'left', reason: 'ended', now })
    place.ringsUntil = null
  }
  room.status = 'ended'
  room.endedAt = now
  room.endReason = reason
  room.endedBy = by
  room.activeUntil = room.startedAt === null ? null : Math.max(room.startedAt, talkedUntil)
  room.emptyAt = null
  happen(room, 'room_ended', { now, subjectId: null, actorId: by })
}

function goOut(
  place: Place,
  { state, reason, now }: { state: 'left' | 'removed'; reason: LeaveReason; now: number },
): void {
  if (place.state === 'joined') place.completedMillis += Math.max(0, (place.lostAt ?? now) - (place.joinedAt ?? now))
  place.state = state
  place.audio = false
  place.video = false
  place.connected = false
  place.sessionId = null
  place.leftAt = now
  place.leaveReason = reason
  place.ringsUntil = null
  place.graceUntil = null
  place.leavesAt = null
}

function happen(
  room: Room,
  type: RoomEventType,
  { now, subjectId, actorId }: { now: number; subjectId: string | null; actorId: string | null },
): void {
  room.log.push({ type, at: now, subjectId, actorId })
}
