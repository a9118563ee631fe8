import { isDeepStrictEqual } from 'node:util'
import type { ErrorCode } from '../../../src/core/errors.ts'
import type {
  EndReason,
  LeaveReason,
  MediaType,
  ParticipantRole,
  ParticipantState,
  Reach,
  RoomAccess,
  RoomEventType,
  RoomStatus,
  RoomType,
} from '../../../src/rooms/model.ts'

/*
 * A second, plain implementation of the rules of rooms: mutable records, times in milliseconds, one function per command.
 * It is written from the contract's table of commands and shares only type names with `src/rooms`, so that an error in
 * either shows as a difference.
 */

/** In milliseconds. The maximum duration is short, so that rooms reach it. */
export const LIMITS = { ring: 45_000, grace: 20_000, empty: 30_000, maxDuration: 240_000 }
/** Default seats of a group; all groups here have provider webrtc. Small, so that rooms become full. */
export const MESH_MAX = 3
/** Calls that may ring for one user at the same time. Small, so that the limit is reached. */
export const RINGING_MAX = 2
/** How long a claim of a room lasts, in milliseconds. */
const CLAIM = 5_000

export interface User {
  readonly id: string
  readonly isAdmin: boolean
}

export interface ModelParticipant {
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
  /** Milliseconds of all completed memberships. */
  completedMillis: number
  ringsUntil: number | null
  graceUntil: number | null
  /** The invitation does not ring. */
  silent: boolean
  lostAt: number | null
  leavesAt: number | null
  /** The media was lost, and not the stream. */
  mediaLost: boolean
  reach: Reach | null
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
  /** Position in the order of creation, from 0. */
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
  /** Of the callee. */
  reach: Reach | null
  activeUntil: number | null
  emptyAt: number | null
  expiresAt: number
  /** Set while a node has claimed the room and not yet processed it. */
  claimedUntil: number | null
  readonly participants: ModelParticipant[]
  readonly log: LoggedEvent[]
}

export interface LoggedEvent {
  readonly type: RoomEventType
  readonly at: number
  readonly subjectId: string | null
  readonly actorId: string | null
}

/** A command on an existing room. */
export type RoomCommand =
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
  | { readonly type: 'disconnect'; readonly userId: string; readonly deviceId: string | null; readonly of?: 'media' }
  | {
      readonly type: 'reconnect'
      readonly userId: string
      readonly deviceId: string | null
      readonly of?: 'live stream' | 'media'
    }
  /** The session, which began `ago` seconds ago, did not open the stream that it announced. */
  | { readonly type: 'absent'; readonly userId: string; readonly sessionId: string; readonly ago: number }
  | { readonly type: 'reached'; readonly userId: string; readonly reach: 'pushed' | 'connected' }
  | { readonly type: 'tick' }

export type Outcome = 'ok' | ErrorCode
export type Creation =
  | { readonly outcome: 'ok'; readonly room: Room; readonly replayed: boolean }
  | { readonly outcome: ErrorCode }

/** The model: all rooms and blocks, and the current time. */
export class Rules {
  readonly rooms: Room[] = []
  /** Blocks as `userId>blockedId`. */
  readonly blocks = new Set<string>()
  /** Users with a connected device. */
  readonly connected = new Set<string>()
  now: number
  readonly #refuseOffline: boolean

  constructor(now: number, { refuseOffline }: { readonly refuseOffline: boolean }) {
    this.now = now
    this.#refuseOffline = refuseOffline
  }

  create(actor: User, request: Request, key: string | null): Creation {
    const problem = problemOf(actor, request)
    if (problem) return { outcome: problem }
    const withKey = this.rooms.find((room) => key !== null && room.key === key && room.createdBy === actor.id)
    if (withKey) {
      const isSame = isDeepStrictEqual(withKey.request, { ...request, callerId: request.callerId ?? actor.id })
      return isSame ? { outcome: 'ok', room: withKey, replayed: true } : { outcome: 'IDEMPOTENCY_CONFLICT' }
    }
    const callerId = request.callerId ?? actor.id
    const calleeId = request.calleeId ?? ''
    const isOffline = !this.connected.has(calleeId) || this.#isBlocked(calleeId, callerId)
    const isRefused = request.type === 'p2p' && this.#refuseOffline && isOffline
    const existing =
      request.type === 'p2p'
        ? (this.#joinReverseCall(callerId, calleeId) ??
          this.#repeatedCall(callerId, request, { supersedes: !isRefused }))
        : undefined
    if (existing) return { outcome: 'ok', room: existing, replayed: true }
    if (isRefused) return { outcome: 'CALLEE_OFFLINE' }
    const isBusy = request.type === 'p2p' && !this.#isBlocked(calleeId, callerId) && this.#isAtRingLimit(calleeId)
    const silentFor = (userId: string) =>
      this.#isBlocked(userId, callerId) || (request.type === 'group' && this.#isAtRingLimit(userId))
    const { connected, now } = this
    const room = newRoom({ actor, request, key, nth: this.rooms.length, now, silentFor, connected })
    if (isBusy) endAsBusy(room, this.now)
    this.rooms.push(room)
    return { outcome: 'ok', room, replayed: false }
  }

  /** Applies passed deadlines, then the command. A refusal changes nothing. */
  execute(room: Room, command: RoomCommand): Outcome {
    if (command.type === 'read') return mayRead(room, command.actor) ? 'ok' : 'FORBIDDEN'
    const silent = new Set(
      command.type === 'invite' ? command.userIds.filter((id) => this.#isSilent(id, command.actor.id)) : [],
    )
    const after = structuredClone(room)
    applyDeadlines(after, this.now)
    const refusal = applyCommand(after, command, { now: this.now, silent, connected: this.connected })
    if (refusal) return refusal
    if (after.log.length > room.log.length) after.claimedUntil = null
    Object.assign(room, after)
    return 'ok'
  }

  #isBlocked(userId: string, callerId: string): boolean {
    return this.blocks.has(`${userId}>${callerId}`)
  }

  #isSilent(userId: string, callerId: string): boolean {
    return this.#isBlocked(userId, callerId) || this.#isAtRingLimit(userId)
  }

  #isAtRingLimit(userId: string): boolean {
    const ringing = this.rooms.filter(({ participants }) =>
      participants.some(
        (participant) =>
          participant.userId === userId &&
          participant.role !== 'caller' &&
          participant.state === 'invited' &&
          !participant.silent &&
          (participant.ringsUntil ?? 0) > this.now,
      ),
    )
    return ringing.length >= RINGING_MAX
  }

  /** The caller's ringing call to the same callee, if it is equal; a different one is superseded by a new call. */
  #repeatedCall(
    callerId: string,
    { calleeId, mediaType }: Pick<Request, 'calleeId' | 'mediaType'>,
    { supersedes }: { readonly supersedes: boolean },
  ): Room | undefined {
    const earlier = this.rooms.find(
      (room) =>
        room.callerId === callerId &&
        room.calleeId === calleeId &&
        room.status === 'waiting' &&
        participantOf(room, calleeId ?? '')?.state === 'invited',
    )
    if (!earlier) return undefined
    this.execute(earlier, { type: 'tick' })
    const caller = participantOf(earlier, callerId)
    const isLost = caller?.state === 'joined' && !caller.connected
    if (isOpen(earlier) && earlier.mediaType === mediaType && !isLost) return earlier
    if (!supersedes) return undefined
    this.execute(earlier, { type: 'supersede' })
    return this.#repeatedCall(callerId, { calleeId, mediaType }, { supersedes })
  }

  /** The caller joins the earliest call from the callee that is ringing for the caller. */
  #joinReverseCall(callerId: string, calleeId: string): Room | undefined {
    const opposite = this.rooms.find((room) => {
      const mine = participantOf(room, callerId)
      const isReverseCall = room.callerId === calleeId && room.calleeId === callerId && room.status === 'waiting'
      return isReverseCall && mine?.state === 'invited' && (mine.ringsUntil ?? 0) > this.now
    })
    if (!opposite) return undefined
    const actor = { id: callerId, isAdmin: false }
    const defaults = { deviceId: null, sessionId: null, expectStream: false, mesh: false, audio: null, video: null }
    const outcome = this.execute(opposite, { type: 'join', actor, ...defaults })
    if (outcome === 'ok') return opposite
    // A deadline that had not been applied has ended it.
    this.execute(opposite, { type: 'tick' })
    return this.#joinReverseCall(callerId, calleeId)
  }

  /** A node claims all overdue rooms, without processing them. */
  claim(): Room[] {
    const due = this.rooms.filter((room) => (sweptAt(room) ?? Infinity) <= this.now)
    for (const room of due) room.claimedUntil = this.now + CLAIM
    return due
  }
}

/** The earliest deadline of the room; null once ended. */
export const deadlineOf = (room: Room): number | null => firstDeadline(room)?.at ?? null

/** When the sweeper finds the room due. */
export const sweptAt = (room: Room): number | null => room.claimedUntil ?? deadlineOf(room)

export const isOpen = (room: Room): boolean => room.status !== 'ended'

const participantOf = (room: Room, userId: string): ModelParticipant | undefined =>
  room.participants.find((participant) => participant.userId === userId)
const joinedIn = (room: Room): ModelParticipant[] => room.participants.filter(({ state }) => state === 'joined')

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
      : calleeId === null && inviteesOf(callerId, participantIds).length <= (maxParticipants ?? MESH_MAX)
  return isSound ? undefined : 'BAD_USER_INPUT'
}

const inviteesOf = (callerId: string, userIds: readonly string[]): string[] =>
  [...new Set(userIds)].filter((userId) => userId !== callerId)

interface NewRoom {
  readonly actor: User
  readonly request: Request
  readonly key: string | null
  readonly nth: number
  readonly now: number
  readonly connected: ReadonlySet<string>
  silentFor(userId: string): boolean
}

function newRoom({ actor, request, key, nth, now, silentFor, connected }: NewRoom): Room {
  const { type, mediaType, access, calleeId } = request
  const callerId = request.callerId ?? actor.id
  const ringsUntil = now + LIMITS.ring
  const invited =
    type === 'p2p'
      ? [newParticipant(calleeId ?? '', 'callee', ringsUntil)]
      : inviteesOf(callerId, request.participantIds).map((userId) => newParticipant(userId, 'member', ringsUntil))
  for (const participant of invited) {
    participant.silent = silentFor(participant.userId)
    participant.reach = reachAtFirst(participant, connected)
  }
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
    reach: type === 'p2p' ? (invited[0]?.reach ?? null) : null,
    activeUntil: null,
    emptyAt: type === 'p2p' ? null : now + (invited.length > 0 ? Math.max(LIMITS.ring, LIMITS.empty) : LIMITS.empty),
    expiresAt: now + LIMITS.maxDuration,
    claimedUntil: null,
    participants: [newParticipant(callerId, 'caller', type === 'p2p' ? ringsUntil : null), ...invited],
    log: [{ type: 'room_created', at: now, subjectId: null, actorId: actor.id }],
  }
}

const reachAtFirst = ({ userId, silent }: ModelParticipant, connected: ReadonlySet<string>): Reach =>
  connected.has(userId) && !silent ? 'connected' : 'none'

const newParticipant = (userId: string, role: ParticipantRole, ringsUntil: number | null): ModelParticipant => ({
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
  mediaLost: false,
  reach: null,
})

/** Ends a call whose callee is at the ring limit. */
function endAsBusy(room: Room, now: number): void {
  const callee = participantOf(room, room.calleeId ?? '')
  if (!callee) return
  callee.state = 'rejected'
  callee.ringsUntil = null
  callee.reach = null
  room.reach = null
  emit(room, 'participant_rejected', { now, subjectId: callee.userId, actorId: null })
  endRoom(room, { reason: 'busy', by: null, now })
}

const mayRead = (room: Room, { id, isAdmin }: User): boolean =>
  isAdmin || (participantOf(room, id) ?? { state: 'removed' }).state !== 'removed'

function applyCommand(
  room: Room,
  command: Exclude<RoomCommand, { type: 'read' }>,
  { now, ...invitees }: { now: number; silent: ReadonlySet<string>; connected: ReadonlySet<string> },
): ErrorCode | undefined {
  switch (command.type) {
    case 'join':
      return join(room, command, now)
    case 'leave':
      return leave(room, command, now)
    case 'end':
      return end(room, command.actor, now)
    case 'reject':
      return reject(room, command, now)
    case 'invite':
      return invite(room, command, { now, ...invitees })
    case 'remove':
      return remove(room, command, now)
    case 'transferHost':
      return transferHost(room, command, now)
    case 'update':
      return update(room, command, now)
    case 'disconnect':
      return disconnect(room, command, now)
    case 'reconnect':
      return reconnect(room, command, now)
    case 'absent':
      return absent(room, command, now)
    case 'reached':
      return reached(room, command, now)
    case 'supersede':
      return supersede(room, now)
    case 'tick':
      return undefined
    default:
      return command satisfies never
  }
}

function join(room: Room, command: RoomCommand & { type: 'join' }, now: number): ErrorCode | undefined {
  const { actor, deviceId, sessionId } = command
  const existing = participantOf(room, actor.id)
  if (!isOpen(room)) return 'ROOM_ENDED'
  if (!existing && room.access === 'invited') return 'NOT_INVITED'
  if (existing?.state === 'removed') return 'FORBIDDEN'
  if (existing?.state === 'joined' && existing.deviceId === deviceId) {
    const isNewSession = sessionId !== null && sessionId !== existing.sessionId
    const isLeaving = existing.leavesAt !== null
    if (!isNewSession && !isLeaving) return undefined
    if (isNewSession) {
      existing.sessionId = sessionId
      existing.audio = command.audio ?? true
      existing.video = command.video ?? room.mediaType === 'video'
    }
    const isBack = !existing.connected && (isLeaving || command.expectStream)
    if (isBack) markConnected(existing)
    const type = isBack ? 'participant_reconnected' : 'participant_updated'
    emit(room, type, { now, subjectId: actor.id, actorId: actor.id })
    return undefined
  }
  if (existing?.state === 'joined') {
    endMembership(existing, { state: 'left', reason: 'replaced', now })
    emit(room, 'participant_left', { now, subjectId: actor.id, actorId: actor.id })
  } else {
    const seats = command.mesh ? Math.min(room.maxParticipants, MESH_MAX) : room.maxParticipants
    if (joinedIn(room).length >= seats) return 'ROOM_FULL'
  }

  const participant = existing ?? newParticipant(actor.id, 'member', null)
  if (!existing) room.participants.push(participant)
  participant.state = 'joined'
  participant.deviceId = deviceId
  participant.sessionId = sessionId ?? nextSessionId(room)
  participant.audio = command.audio ?? true
  participant.video = command.video ?? room.mediaType === 'video'
  markConnected(participant)
  participant.joinedAt = now
  participant.leftAt = null
  participant.leaveReason = null
  participant.ringsUntil = null
  room.emptyAt = null
  emit(room, 'participant_joined', { now, subjectId: actor.id, actorId: actor.id })
  if (room.status === 'waiting' && joinedIn(room).length === 2) {
    room.status = 'active'
    room.startedAt = now
    room.expiresAt = now + LIMITS.maxDuration
    emit(room, 'room_started', { now, subjectId: null, actorId: actor.id })
  }
  succeedHost(room, { actorId: actor.id, now })
  return undefined
}

/** A session id that the gateway generates: the `seq` of the event that begins it. */
const nextSessionId = (room: Room): string => `#${room.log.length + 1}`

function markConnected(participant: ModelParticipant): void {
  participant.connected = true
  participant.graceUntil = null
  participant.lostAt = null
  participant.leavesAt = null
  participant.mediaLost = false
}

function leave(
  room: Room,
  { actor, deviceId, sessionId, after }: RoomCommand & { type: 'leave' },
  now: number,
): ErrorCode | undefined {
  const participant = participantOf(room, actor.id)
  if (!participant || participant.state === 'removed') return 'FORBIDDEN'
  const another = participant.state === 'joined' && deviceId !== null && participant.deviceId !== deviceId
  if (another || (sessionId !== null && sessionId !== participant.sessionId)) return undefined
  if (isOpen(room) && ['invited', 'joined'].includes(participant.state)) {
    if (after !== null && after > 0) {
      postponeLeave(room, participant, { at: now + Math.min(after * 1000, LIMITS.grace), now })
      return undefined
    }
    participant.lostAt = null
    depart(room, participant, { reason: 'left', actorId: actor.id, now })
  }
  return undefined
}

function end(room: Room, actor: User, now: number): ErrorCode | undefined {
  const role = participantOf(room, actor.id)?.role
  const mayEnd = role === 'callee' || (room.type === 'p2p' ? role === 'caller' : actor.id === room.hostId)
  if (!mayEnd && !actor.isAdmin) return 'FORBIDDEN'
  if (isOpen(room)) endRoom(room, { reason: hangUpReason(room, role), by: actor.id, now })
  return undefined
}

function supersede(room: Room, now: number): undefined {
  const stillRings = room.status === 'waiting' && participantOf(room, room.calleeId ?? '')?.state === 'invited'
  if (stillRings) endRoom(room, { reason: 'cancelled', by: room.callerId, now })
}

function reject(room: Room, { actor, reason }: RoomCommand & { type: 'reject' }, now: number): ErrorCode | undefined {
  const participant = participantOf(room, actor.id)
  if (!participant || participant.state === 'removed') return 'FORBIDDEN'
  if (participant.role === 'caller' && (room.type === 'p2p' || room.hostId === actor.id)) return 'FORBIDDEN'
  if (!isOpen(room)) return 'CONFLICT'
  if (participant.state === 'rejected') return undefined
  if (participant.state !== 'invited') return 'CONFLICT'
  participant.state = 'rejected'
  participant.ringsUntil = null
  emit(room, 'participant_rejected', { now, subjectId: actor.id, actorId: actor.id })
  if (room.type === 'p2p') endRoom(room, { reason: reason === 'busy' ? 'busy' : 'rejected', by: actor.id, now })
  return undefined
}

function invite(
  room: Room,
  { actor, userIds }: RoomCommand & { type: 'invite' },
  { now, silent, connected }: { now: number; silent: ReadonlySet<string>; connected: ReadonlySet<string> },
): ErrorCode | undefined {
  if (actor.id !== room.hostId) return 'FORBIDDEN'
  if (!isOpen(room)) return 'ROOM_ENDED'
  if (joinedIn(room).length >= room.maxParticipants) return 'ROOM_FULL'
  const expected = room.participants.filter(({ state }) => state === 'joined' || state === 'invited')
  const members = new Set([...expected.map(({ userId }) => userId), ...userIds])
  members.delete(room.callerId)
  if (members.size > room.maxParticipants) return 'BAD_USER_INPUT'
  const isAwaited = wasNeverJoined(room) && (room.emptyAt ?? Infinity) < now + LIMITS.ring
  const hasChanged = userIds.some((userId) => !expected.some((participant) => participant.userId === userId))
  if (isAwaited && hasChanged) room.emptyAt = now + LIMITS.ring
  for (const userId of userIds) {
    const existing = participantOf(room, userId)
    if (existing?.state === 'joined' || existing?.state === 'invited') continue
    const participant = existing ?? newParticipant(userId, 'member', null)
    if (!existing) room.participants.push(participant)
    participant.state = 'invited'
    participant.ringsUntil = now + LIMITS.ring
    participant.silent = silent.has(userId)
    participant.reach = reachAtFirst(participant, connected)
    emit(room, 'participant_invited', { now, subjectId: userId, actorId: actor.id })
  }
  return undefined
}

function reached(room: Room, { userId, reach }: RoomCommand & { type: 'reached' }, now: number): undefined {
  const participant = participantOf(room, userId)
  if (!isOpen(room) || participant?.state !== 'invited' || participant.ringsUntil === null || participant.silent) return
  if (room.type === 'group' || participant.role === 'caller') return
  if (participant.reach === 'connected' || participant.reach === reach) return
  participant.reach = reach
  room.reach = reach
  emit(room, 'participant_updated', { now, subjectId: userId, actorId: null })
}

function remove(room: Room, { actor, userId }: RoomCommand & { type: 'remove' }, now: number): ErrorCode | undefined {
  if (actor.id !== room.hostId && !(actor.isAdmin && room.type === 'group')) return 'FORBIDDEN'
  const participant = participantOf(room, userId)
  if (!participant) return 'NOT_FOUND'
  if (userId === room.hostId) return 'FORBIDDEN'
  if (participant.state === 'removed') return undefined
  if (!isOpen(room)) return 'ROOM_ENDED'
  const hadJoined = participant.state === 'joined'
  endMembership(participant, { state: 'removed', reason: 'removed', now })
  if (hadJoined && joinedIn(room).length === 0) room.emptyAt = now + LIMITS.empty
  emit(room, 'participant_removed', { now, subjectId: userId, actorId: actor.id })
  return undefined
}

function transferHost(
  room: Room,
  { actor, userId }: RoomCommand & { type: 'transferHost' },
  now: number,
): ErrorCode | undefined {
  if (room.type === 'p2p') return 'FORBIDDEN'
  if (actor.id !== room.hostId && !actor.isAdmin) return 'FORBIDDEN'
  if (!isOpen(room)) return 'ROOM_ENDED'
  const participant = participantOf(room, userId)
  if (!participant) return 'NOT_FOUND'
  if (userId === room.hostId) return undefined
  if (participant.state !== 'joined') return 'CONFLICT'
  room.hostId = userId
  emit(room, 'room_updated', { now, subjectId: null, actorId: actor.id })
  return undefined
}

/** Replaces a host who is neither joined nor invited by the participant who joined first. */
function succeedHost(room: Room, { actorId, now }: { actorId: string | null; now: number }): void {
  const host = room.hostId === null ? undefined : participantOf(room, room.hostId)
  if (!host || ['invited', 'joined'].includes(host.state)) return
  const longest = joinedIn(room).reduce<ModelParticipant | undefined>(
    (best, participant) => (best && (best.joinedAt ?? 0) <= (participant.joinedAt ?? 0) ? best : participant),
    undefined,
  )
  if (!longest) return
  room.hostId = longest.userId
  emit(room, 'room_updated', { now, subjectId: null, actorId })
}

function update(
  room: Room,
  { actor, audio, video }: RoomCommand & { type: 'update' },
  now: number,
): ErrorCode | undefined {
  const participant = participantOf(room, actor.id)
  if (participant?.state !== 'joined') return 'FORBIDDEN'
  const hasChanged =
    (audio ?? participant.audio) !== participant.audio || (video ?? participant.video) !== participant.video
  participant.audio = audio ?? participant.audio
  participant.video = video ?? participant.video
  if (hasChanged) emit(room, 'participant_updated', { now, subjectId: actor.id, actorId: actor.id })
  return undefined
}

/** Shows the participant as disconnected until the leave takes effect or is cancelled. */
function postponeLeave(room: Room, participant: ModelParticipant, { at, now }: { at: number; now: number }): void {
  if (participant.state !== 'joined' || participant.leavesAt !== null) return
  const type = participant.connected ? 'participant_disconnected' : 'participant_updated'
  participant.connected = false
  participant.lostAt ??= now
  participant.leavesAt = at
  emit(room, type, { now, subjectId: participant.userId, actorId: participant.userId })
}

/** The participant, if this device holds their seat. */
function seatedDevice(room: Room, userId: string, deviceId: string | null): ModelParticipant | undefined {
  const participant = participantOf(room, userId)
  return participant?.state === 'joined' && participant.deviceId === deviceId ? participant : undefined
}

function disconnect(
  room: Room,
  { userId, deviceId, of: lost }: RoomCommand & { type: 'disconnect' },
  now: number,
): undefined {
  const participant = seatedDevice(room, userId, deviceId)
  if (!participant) return
  if (!participant.connected) {
    if (lost === 'media' || !participant.mediaLost) return
    // Now it is the stream that is lost.
    participant.mediaLost = false
    emit(room, 'participant_updated', { now, subjectId: userId, actorId: null })
    return
  }
  participant.connected = false
  participant.mediaLost = lost === 'media'
  participant.lostAt = now
  participant.graceUntil = now + LIMITS.grace
  emit(room, 'participant_disconnected', { now, subjectId: userId, actorId: null })
}

function reconnect(
  room: Room,
  { userId, deviceId, of: back }: RoomCommand & { type: 'reconnect' },
  now: number,
): undefined {
  const participant = seatedDevice(room, userId, deviceId)
  if (!participant || participant.connected) return
  const waitsForMedia = participant.mediaLost && participant.leavesAt === null
  // Each proves only what was missing; a new stream proves that the client is there.
  if (back === 'media' && !waitsForMedia) return
  if (back === 'live stream' && waitsForMedia) return
  markConnected(participant)
  emit(room, 'participant_reconnected', { now, subjectId: userId, actorId: userId })
}

function absent(room: Room, { userId, sessionId, ago }: RoomCommand & { type: 'absent' }, now: number): undefined {
  const participant = participantOf(room, userId)
  if (participant?.state !== 'joined' || participant.sessionId !== sessionId || !participant.connected) return
  participant.lostAt = now - ago * 1000
  leaveDisconnected(room, participant, now)
}

interface Deadline {
  readonly at: number
  apply(now: number): void
}

/** The earliest deadline; at the same time, the room's own come first, then the participants' by ordinal. */
function firstDeadline(room: Room): Deadline | undefined {
  if (!isOpen(room)) return undefined
  const all: (Deadline | undefined)[] = [
    { at: room.expiresAt, apply: (now) => endRoom(room, { reason: 'expired', by: null, now }) },
    room.emptyAt === null
      ? undefined
      : { at: room.emptyAt, apply: (now) => endRoom(room, { reason: emptyReason(room), by: null, now }) },
    ...room.participants.flatMap((participant) => [
      participant.ringsUntil === null
        ? undefined
        : { at: participant.ringsUntil, apply: (now: number) => miss(room, participant, now) },
      participant.graceUntil === null
        ? undefined
        : { at: participant.graceUntil, apply: (now: number) => leaveDisconnected(room, participant, now) },
      participant.leavesAt === null
        ? undefined
        : {
            at: participant.leavesAt,
            apply: (now: number) => depart(room, participant, { reason: 'left', actorId: participant.userId, now }),
          },
    ]),
  ]
  return all.filter((deadline) => deadline !== undefined).toSorted((a, b) => a.at - b.at)[0]
}

function applyDeadlines(room: Room, now: number): void {
  for (let first = firstDeadline(room); first && first.at <= now; first = firstDeadline(room)) first.apply(now)
}

/** A ring timeout passed. A call that the callee answered and the caller never joined has failed. */
function miss(room: Room, ringing: ModelParticipant, now: number): void {
  const participant = room.type === 'p2p' ? participantOf(room, room.calleeId ?? '') : ringing
  const isMissed = participant?.state === 'invited'
  if (participant && isMissed) {
    participant.state = 'missed'
    participant.ringsUntil = null
    emit(room, 'participant_missed', { now, subjectId: participant.userId, actorId: null })
  }
  if (room.type === 'p2p') endRoom(room, { reason: isMissed ? 'missed' : 'failed', by: null, now })
  else if (wasNeverJoined(room) && room.participants.every(({ ringsUntil }) => ringsUntil === null)) {
    endRoom(room, { reason: 'missed', by: null, now })
  }
}

const wasNeverJoined = (room: Room): boolean => room.participants.every(({ joinedAt }) => joinedAt === null)

/** A group that no participant joined although users were invited was missed. */
const emptyReason = (room: Room): EndReason =>
  wasNeverJoined(room) && room.participants.some(({ role }) => role !== 'caller') ? 'missed' : 'empty'

const leaveDisconnected = (room: Room, participant: ModelParticipant, now: number): void =>
  depart(room, participant, { reason: 'disconnected', actorId: null, now })

/** The participant leaves. A p2p call ends; a group that has no joined participant left becomes empty. */
function depart(
  room: Room,
  participant: ModelParticipant,
  { reason, actorId, now }: { reason: LeaveReason; actorId: string | null; now: number },
): void {
  const hadJoined = participant.state === 'joined'
  endMembership(participant, { state: 'left', reason, now })
  if (room.type === 'group' && hadJoined && joinedIn(room).length === 0) room.emptyAt = now + LIMITS.empty
  emit(room, 'participant_left', { now, subjectId: participant.userId, actorId })
  if (room.type === 'p2p') {
    endRoom(room, {
      reason: hangUpReason(room, participant.role),
      by: actorId,
      now,
      activeUntil: participant.lostAt ?? now,
    })
  } else succeedHost(room, { actorId, now })
}

/** The end reason of a room that is ended by a participant in this role. */
function hangUpReason(room: Room, role: ParticipantRole | undefined): EndReason {
  if (room.status === 'active') return 'completed'
  return role === 'callee' ? 'rejected' : 'cancelled'
}

function endRoom(
  room: Room,
  { reason, by, now, activeUntil = now }: { reason: EndReason; by: string | null; now: number; activeUntil?: number },
): void {
  for (const participant of room.participants) {
    if (participant.state === 'joined') endMembership(participant, { state: 'left', reason: 'ended', now })
    participant.ringsUntil = null
  }
  room.status = 'ended'
  room.endedAt = now
  room.endReason = reason
  room.endedBy = by
  room.activeUntil = room.startedAt === null ? null : Math.max(room.startedAt, activeUntil)
  room.emptyAt = null
  emit(room, 'room_ended', { now, subjectId: null, actorId: by })
}

function endMembership(
  participant: ModelParticipant,
  { state, reason, now }: { state: 'left' | 'removed'; reason: LeaveReason; now: number },
): void {
  if (participant.state === 'joined')
    participant.completedMillis += Math.max(0, (participant.lostAt ?? now) - (participant.joinedAt ?? now))
  participant.state = state
  participant.audio = false
  participant.video = false
  participant.connected = false
  participant.sessionId = null
  participant.leftAt = now
  participant.leaveReason = reason
  participant.ringsUntil = null
  participant.graceUntil = null
  participant.leavesAt = null
  participant.mediaLost = false
}

function emit(
  room: Room,
  type: RoomEventType,
  { now, subjectId, actorId }: { now: number; subjectId: string | null; actorId: string | null },
): void {
  room.log.push({ type, at: now, subjectId, actorId })
}
