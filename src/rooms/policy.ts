import { type Actor, isAdmin } from '../core/actor.ts'
import { RtcError } from '../core/errors.ts'
import { findParticipant, hostOf, type Participant, type ParticipantState, type Room } from './model.ts'
import type { RoomCommand } from './rules/command.ts'
import { refuse, type Refusal } from './rules/decision.ts'

/** A request of an actor that concerns a room. */
export interface RoomRequest {
  readonly actor: Actor
  readonly room: Room
  /** The participant that the request concerns, if it is not the actor. */
  readonly userId?: string | undefined
}

/** A request together with the actor's own participant row. */
interface SubjectRequest extends RoomRequest {
  readonly participant: Participant | undefined
}

/** A request to read a room. */
interface ReadRequest extends Pick<SubjectRequest, 'actor'> {
  readonly participant: Pick<Participant, 'state'> | undefined
}

/** A request to create a room in the name of a caller. */
interface CreateRequest {
  readonly actor: Actor
  readonly room: { readonly callerId: string }
}

/** The request is refused with `refusal` unless one of the conditions holds. */
interface Requirement<Request> {
  readonly anyOf: readonly ((request: Request) => boolean)[]
  readonly refusal: Refusal | ((request: Request) => Refusal)
}

type UserCommand = Extract<RoomCommand, { readonly actor: Actor }>

/** Actions that require permission. The gateway's own commands do not. */
export type RoomAction = 'read' | 'connect' | 'signal' | UserCommand['type']

/** A request that concerns the whole gateway, not one room. */
interface AdminRequest {
  readonly actor: Actor
}

interface Policy extends Readonly<Record<RoomAction, readonly Requirement<SubjectRequest>[]>> {
  readonly read: readonly Requirement<ReadRequest>[]
  readonly create: readonly Requirement<CreateRequest>[]
  readonly admin: readonly Requirement<AdminRequest>[]
}

/** A removed user has no access to the room until they are invited again. */
const REMOVED: ParticipantState = 'removed'

const isAdminActor = ({ actor }: { readonly actor: Actor }): boolean => isAdmin(actor)
const isForSelf = ({ actor, room }: CreateRequest): boolean => room.callerId === actor.id
/** Is a participant now, or was one and left. */
const isParticipant = ({ participant }: ReadRequest): boolean =>
  participant !== undefined && participant.state !== REMOVED
const hasJoined = ({ participant }: SubjectRequest): boolean => participant?.state === 'joined'
const wasInvited = ({ participant }: SubjectRequest): boolean => participant !== undefined
const isNotRemoved = ({ participant }: SubjectRequest): boolean => participant?.state !== REMOVED
const isLinkRoom = ({ room }: SubjectRequest): boolean => room.access === 'link'
const isCallParty = ({ room, participant }: SubjectRequest): boolean =>
  room.type === 'p2p' && (participant?.role === 'caller' || participant?.role === 'callee')
/** Always false in a call, which has no host. */
const isHost = ({ room, actor }: SubjectRequest): boolean => hostOf(room) === actor.id
const isAdminOfGroup = (request: SubjectRequest): boolean => request.room.type === 'group' && isAdminActor(request)
/** A caller has no invitation to reject, except the former host of a group, who may be invited like any other user. */
const mayReject = (request: SubjectRequest): boolean =>
  request.participant?.role !== 'caller' || (request.room.type === 'group' && !isHost(request))
const isOpen = ({ room }: SubjectRequest): boolean => room.status !== 'ended'
const targetIsParticipant = ({ room, userId = '' }: SubjectRequest): boolean =>
  findParticipant(room, userId) !== undefined
const targetIsNotHost = ({ room, userId }: SubjectRequest): boolean => hostOf(room) !== userId

export const ROOM_ENDED = refuse('ROOM_ENDED', 'The room has ended.')
const NOT_PARTICIPANT = refuse('FORBIDDEN', 'You are not a participant of this room.')
const NOT_JOINED = refuse('FORBIDDEN', 'You have not joined this room.')
const NOT_HOST = refuse('FORBIDDEN', 'Only the host of a group may invite or remove.')

const asHost = { anyOf: [isHost], refusal: NOT_HOST }
const toRead = { anyOf: [isParticipant, isAdminActor], refusal: NOT_PARTICIPANT }
const asParticipant = { anyOf: [isParticipant], refusal: NOT_PARTICIPANT }
const asJoined = { anyOf: [hasJoined], refusal: NOT_JOINED }
const whileOpen = { anyOf: [isOpen], refusal: ROOM_ENDED }
const forParticipant = {
  anyOf: [targetIsParticipant],
  refusal: ({ userId }: SubjectRequest) => refuse('NOT_FOUND', `${userId} is not a participant of this room.`),
}

/**
 * The requirements of every action. They are checked in order, and the first one that fails decides the refusal. Clients
 * see this refusal, so the order is part of the contract.
 */
const POLICY: Policy = {
  create: [
    {
      anyOf: [isForSelf, isAdminActor],
      refusal: refuse('FORBIDDEN', 'Only rtc:admin may create a room in the name of another user.'),
    },
  ],

  // Data and actions of all users: the administration.
  admin: [{ anyOf: [isAdminActor], refusal: refuse('FORBIDDEN', 'This requires the scope rtc:admin.') }],

  // The room itself, its participants, its log and its stream.
  read: [toRead],
  // The connection to the room's media, and signals in either direction.
  connect: [toRead, whileOpen, asJoined],
  signal: [toRead, whileOpen, asJoined],

  join: [
    whileOpen,
    { anyOf: [wasInvited, isLinkRoom], refusal: refuse('NOT_INVITED', 'You are not invited to this room.') },
    { anyOf: [isNotRemoved], refusal: refuse('FORBIDDEN', 'You were removed from this room.') },
  ],
  leave: [asParticipant],
  reject: [
    asParticipant,
    { anyOf: [mayReject], refusal: refuse('FORBIDDEN', 'The caller cannot reject; leave or end the room.') },
  ],
  update: [asJoined],
  invite: [asHost, whileOpen],
  remove: [
    { anyOf: [isHost, isAdminOfGroup], refusal: NOT_HOST },
    forParticipant,
    {
      anyOf: [targetIsNotHost],
      refusal: refuse(
        'FORBIDDEN',
        'The host cannot be removed; make another participant the host first, or end the room.',
      ),
    },
  ],
  transferHost: [
    { anyOf: [isHost, isAdminOfGroup], refusal: refuse('FORBIDDEN', 'Only the host of a group may transfer it.') },
    whileOpen,
    forParticipant,
  ],
  end: [
    {
      anyOf: [isCallParty, isHost, isAdminActor],
      refusal: refuse('FORBIDDEN', 'Only the host of a group, or either party of a call, may end it.'),
    },
  ],
}

/**
 * The access that a root field or a route declares: `user` for the user's own data and for data that all users may see;
 * otherwise the action's entry in the policy. Only health, the call page and the API documents need no token, and the
 * webhooks of media services, which are authenticated by their signature.
 */
export type Access = 'user' | keyof Policy

/** The refusal of the action; undefined if the actor is allowed. */
export const refusalOf = (action: RoomAction, request: RoomRequest): Refusal | undefined =>
  firstRefusal(POLICY[action], { ...request, participant: findParticipant(request.room, request.actor.id) })

/** {@link refusalOf} for a command. The gateway's own commands have no actor and are always allowed. */
export function refusalOfCommand(room: Room, command: RoomCommand): Refusal | undefined {
  if (!('actor' in command)) return undefined
  const { type, actor } = command
  return refusalOf(type, { actor, room, userId: 'userId' in command ? command.userId : undefined })
}

/** {@link refusalOf} for the creation of a room. */
export const refusalOfCreation = (creation: CreateRequest): Refusal | undefined => firstRefusal(POLICY.create, creation)

function firstRefusal<Request>(requirements: readonly Requirement<Request>[], request: Request): Refusal | undefined {
  const failed = requirements.find(({ anyOf }) => !anyOf.some((holds) => holds(request)))
  return typeof failed?.refusal === 'function' ? failed.refusal(request) : failed?.refusal
}

/** @throws RtcError FORBIDDEN unless the actor has the scope rtc:admin */
export function requireAdmin(actor: Actor): void {
  const refusal = firstRefusal(POLICY.admin, { actor })
  if (refusal) throw new RtcError(refusal.code, refusal.message)
}

/** @throws RtcError with the refusal of the policy */
export function requireAllowed(action: RoomAction, request: RoomRequest): void {
  const refusal = refusalOf(action, request)
  if (refusal) throw new RtcError(refusal.code, refusal.message)
}

/**
 * The same for `read`, with the actor's own participant row instead of the room.
 *
 * @throws RtcError with the refusal of the policy
 */
export function requireReader(actor: Actor, participant: Pick<Participant, 'state'> | null): void {
  const refusal = firstRefusal(POLICY.read, { actor, participant: participant ?? undefined })
  if (refusal) throw new RtcError(refusal.code, refusal.message)
}

/** Rooms for queries: all, or those in which a user is a participant in any state but one. */
export type ReadScope = 'all' | { readonly participantId: string; readonly exceptState: ParticipantState | null }

/** The rooms that a user may `read`. */
export const readScope = (actor: Actor): ReadScope =>
  isAdmin(actor) ? 'all' : { participantId: actor.id, exceptState: REMOVED }
