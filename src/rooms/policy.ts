import { type Actor, isAdmin } from '../core/actor.ts'
import { RtcError } from '../core/errors.ts'
import { findParticipant, hostOf, type Participant, type ParticipantState, type Room } from './model.ts'
import type { RoomCommand } from './rules/command.ts'
import { refuse, type Refusal } from './rules/decision.ts'

/** Who asks for something, of which room, and about whom in it. */
export interface RoomRequest {
  readonly actor: Actor
  readonly room: Room
  /** Another participant whom it is about. */
  readonly userId?: string | undefined
}

/** A request, and where its actor stands with the room. */
interface SubjectRequest extends RoomRequest {
  readonly participant: Participant | undefined
}

/** Somebody asks to create a room in the name of a caller. */
interface CreateRequest {
  readonly actor: Actor
  readonly room: { readonly callerId: string }
}

/** Unless one of these holds, the request is refused so. */
interface Requirement<Asked> {
  readonly anyOf: readonly ((asked: Asked) => boolean)[]
  readonly refusal: Refusal | ((asked: Asked) => Refusal)
}

type UserCommand = Extract<RoomCommand, { readonly actor: Actor }>

/** What users do to a room and what they see of it. What the gateway does by itself needs no permission. */
export type RoomAction = 'read' | 'connect' | 'signal' | UserCommand['type']

interface Policy extends Readonly<Record<RoomAction, readonly Requirement<SubjectRequest>[]>> {
  readonly create: readonly Requirement<CreateRequest>[]
}

/** Who was put out is a participant no more, for as long as they are not invited again. */
const REMOVED: ParticipantState = 'removed'

const isAdminActor = ({ actor }: { readonly actor: Actor }): boolean => isAdmin(actor)
const isForSelf = ({ actor, room }: CreateRequest): boolean => room.callerId === actor.id
/** Has, or had, a place in the room. */
const isParticipant = ({ participant }: SubjectRequest): boolean =>
  participant !== undefined && participant.state !== REMOVED
const hasJoined = ({ participant }: SubjectRequest): boolean => participant?.state === 'joined'
const wasInvited = ({ participant }: SubjectRequest): boolean => participant !== undefined
const isNotRemoved = ({ participant }: SubjectRequest): boolean => participant?.state !== REMOVED
const isLinkRoom = ({ room }: SubjectRequest): boolean => room.access === 'link'
const isCallParty = ({ room, participant }: SubjectRequest): boolean =>
  room.type === 'p2p' && (participant?.role === 'caller' || participant?.role === 'callee')
/** Of a group; a call between two has none. */
const isHost = ({ room, actor }: SubjectRequest): boolean => hostOf(room) === actor.id
const isAdminOfGroup = (asked: SubjectRequest): boolean => asked.room.type === 'group' && isAdminActor(asked)
/** Whoever calls is not rung; a caller who has handed a group over may be invited as anybody. */
const mayReject = (asked: SubjectRequest): boolean =>
  asked.participant?.role !== 'caller' || (asked.room.type === 'group' && !isHost(asked))
const isOpen = ({ room }: SubjectRequest): boolean => room.status !== 'ended'
const targetIsParticipant = ({ room, userId = '' }: SubjectRequest): boolean =>
  findParticipant(room, userId) !== undefined
const targetIsNotHost = ({ room, userId }: SubjectRequest): boolean => hostOf(room) !== userId

export const ROOM_ENDED = refuse('ROOM_ENDED', 'The room is over.')
const NOT_PARTICIPANT = refuse('FORBIDDEN', 'You are not a participant of this room.')
const NOT_JOINED = refuse('FORBIDDEN', 'You have not joined this room.')
const NOT_HOST = refuse('FORBIDDEN', 'Only the host of a group may invite and remove.')

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
 * Who may do what. The requirements of an action are looked at in their order, and the first that does not hold is the
 * answer: clients see which, so the order is part of the contract.
 */
const POLICY: Policy = {
  create: [
    {
      anyOf: [isForSelf, isAdminActor],
      refusal: refuse('FORBIDDEN', 'Only rtc:admin may create a room in the name of another user.'),
    },
  ],

  // What is seen of a room: the room itself, its participants, its log and its stream.
  read: [toRead],
  // The way to the room's media, and signals in either direction.
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
    asHost,
    forParticipant,
    {
      anyOf: [targetIsNotHost],
      refusal: refuse('FORBIDDEN', 'The host cannot be removed; hand the room over, or end it.'),
    },
  ],
  transferHost: [
    { anyOf: [isHost, isAdminOfGroup], refusal: refuse('FORBIDDEN', 'Only the host of a group may hand it over.') },
    whileOpen,
    forParticipant,
  ],
  end: [
    {
      anyOf: [isCallParty, isHost, isAdminActor],
      refusal: refuse('FORBIDDEN', 'Only the host may end this room, or either side of a call between two.'),
    },
  ],
}

/**
 * What a root field or a route declares: `user`, for whatever is the user's own or shown to all users, or else its entry in
 * the table. Nothing but health, the call page and the documents of the API is served without a token.
 */
export type Access = 'user' | keyof Policy

/** Why the actor may not; undefined if they may. */
export const refusalOf = (action: RoomAction, request: RoomRequest): Refusal | undefined =>
  firstRefusal(POLICY[action], { ...request, participant: findParticipant(request.room, request.actor.id) })

/** As {@link refusalOf}, for a command. The gateway's own commands have no actor and are not refused. */
export function refusalOfCommand(room: Room, command: RoomCommand): Refusal | undefined {
  if (!('actor' in command)) return undefined
  const { type, actor } = command
  return refusalOf(type, { actor, room, userId: 'userId' in command ? command.userId : undefined })
}

/** As {@link refusalOf}, for a room that is to be created. */
export const refusalOfCreation = (creation: CreateRequest): Refusal | undefined => firstRefusal(POLICY.create, creation)

function firstRefusal<Asked>(requirements: readonly Requirement<Asked>[], asked: Asked): Refusal | undefined {
  const broken = requirements.find(({ anyOf }) => !anyOf.some((holds) => holds(asked)))
  return typeof broken?.refusal === 'function' ? broken.refusal(asked) : broken?.refusal
}

/** @throws RtcError as the table says */
export function requireAllowed(action: RoomAction, request: RoomRequest): void {
  const refusal = refusalOf(action, request)
  if (refusal) throw new RtcError(refusal.code, refusal.message)
}

/** Which rooms somebody may `read`, as a condition for many: all, or those with a place of theirs in another state. */
export type ReadScope = 'all' | { readonly participantId: string; readonly exceptState: ParticipantState }

export const readScope = (actor: Actor): ReadScope =>
  isAdmin(actor) ? 'all' : { participantId: actor.id, exceptState: REMOVED }
