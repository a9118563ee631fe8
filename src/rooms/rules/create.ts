import type { Actor } from '../../core/actor.ts'
import type { MediaProvider } from '../../core/media-provider.ts'
import { type Decision, type RoomLimits, refuse, refuseInput, type Refusal } from './decision.ts'
import { Draft, later } from './draft.ts'
import { end } from './ending.ts'
import { rejected } from './invitation.ts'
import { ringOf } from './reach.ts'
import {
  type MediaType,
  type Metadata,
  newParticipant,
  type ParticipantRole,
  type RoomAccess,
  type RoomType,
} from '../model.ts'
import { refusalOfCreation } from '../policy.ts'

export interface CreateCommand {
  readonly type: 'create'
  readonly actor: Actor
  /** The call ends at once as busy. */
  readonly calleeIsBusy: boolean
  /** The callee can be neither rung nor pushed to, and such calls are refused. */
  readonly calleeIsOffline: boolean
  /** Invited users for whom the invitation does not ring. */
  readonly silentFor: ReadonlySet<string>
  /** Invited users with a connected device. */
  readonly connected: ReadonlySet<string>
  /** Used if the caller joins the callee's call instead: whether the client announces a stream. */
  readonly expectStream: boolean
  readonly room: {
    readonly id: string
    readonly type: RoomType
    readonly callerId: string
    readonly calleeId: string | null
    readonly participantIds: readonly string[]
    readonly mediaType: MediaType
    readonly name: string | null
    readonly metadata: Metadata | null
    readonly provider: MediaProvider
    readonly access: RoomAccess
    readonly maxParticipants: number | null
    readonly clientRequestId: string | null
    readonly requestHash: string | null
  }
}

const CALLEE_OFFLINE = refuse('CALLEE_OFFLINE', 'No device of the callee is connected or can be notified.')

/** Default seats of a group with a media server. */
const GROUP_SEATS = 50
const P2P_SEATS = 2

/** Creates a room. Refuses with FORBIDDEN, BAD_USER_INPUT or CALLEE_OFFLINE. */
export function decideCreate(
  { actor, room, calleeIsBusy, calleeIsOffline, ...invitees }: CreateCommand,
  now: Date,
  limits: RoomLimits,
): Decision {
  const refusal = refusalOfCreation({ actor, room }) ?? problemOf(room, limits)
  if (refusal) return refusal
  if (calleeIsOffline && !calleeIsBusy) return CALLEE_OFFLINE

  const { participantIds, ...fields } = room
  const invited = room.type === 'p2p' ? [room.calleeId ?? ''] : membersOf(room)
  const role: ParticipantRole = room.type === 'p2p' ? 'callee' : 'member'
  const ringsUntil = later(now, limits.ring)
  const people = invited.map((userId, index) =>
    newParticipant(room, userId, {
      ordinal: index + 1,
      role,
      ringsUntil,
      ...ringOf(userId, invitees),
      ...(calleeIsBusy && { reach: null }),
    }),
  )
  const draft = new Draft(null, now)
  draft.emit('room_created', actor.id, {
    room: {
      ...fields,
      maxParticipants: seatsOf(room, limits),
      status: 'waiting',
      createdBy: actor.id,
      createdAt: now,
      startedAt: null,
      endedAt: null,
      endReason: null,
      endedBy: null,
      emptyAt: room.type === 'p2p' ? null : emptyAt(invited.length > 0, now, limits),
      expiresAt: later(now, limits.maxDuration),
      deadlineAt: null,
      activeUntil: null,
      hostId: room.type === 'group' ? room.callerId : null,
      reach: room.type === 'p2p' ? (people[0]?.reach ?? null) : null,
    },
    participants: [
      // In p2p, the caller has to join by the same deadline as the callee; in a group, the caller has no deadline.
      newParticipant(room, room.callerId, {
        ordinal: 0,
        role: 'caller',
        ringsUntil: room.type === 'p2p' ? ringsUntil : null,
      }),
      ...people,
    ],
  })
  const callee = calleeIsBusy ? draft.room.participants.find(({ role }) => role === 'callee') : undefined
  if (callee) {
    draft.emit('participant_rejected', null, { participants: [rejected(callee)] }, callee.userId)
    end(draft, 'busy', null)
  }
  return draft.finish()
}

type NewRoom = CreateCommand['room']

const membersOf = (room: NewRoom): string[] =>
  [...new Set(room.participantIds)].filter((userId) => userId !== room.callerId)

/** `meshMax` is only a default: an application with its own media server may ask for more seats. */
function seatsOf(room: NewRoom, { meshMax }: RoomLimits): number {
  if (room.type === 'p2p') return P2P_SEATS
  return room.maxParticipants ?? (room.provider === 'webrtc' ? meshMax : GROUP_SEATS)
}

/** When a group that no participant joins ends: not before its invitations expire. */
const emptyAt = (hasInvitations: boolean, now: Date, { ring, empty }: RoomLimits): Date =>
  later(now, hasInvitations ? Math.max(ring, empty) : empty)

const problemOf = (room: NewRoom, limits: RoomLimits): Refusal | undefined =>
  room.type === 'p2p' ? p2pProblem(room) : groupProblem(room, limits)

function p2pProblem(room: NewRoom): Refusal | undefined {
  if (room.calleeId === null) return refuseInput('calleeId', 'is required for a p2p room')
  if (room.calleeId === room.callerId) return refuseInput('calleeId', 'must not be the caller')
  if (room.participantIds.length > 0) return refuseInput('participantIds', 'is for group rooms only; use calleeId')
  if (room.access === 'link') return refuseInput('access', 'link is for group rooms only')
  if (room.maxParticipants !== null && room.maxParticipants !== P2P_SEATS) {
    return refuseInput('maxParticipants', `must be ${P2P_SEATS} for a p2p room`)
  }
  return undefined
}

function groupProblem(room: NewRoom, limits: RoomLimits): Refusal | undefined {
  if (room.calleeId !== null) return refuseInput('calleeId', 'is for p2p rooms only; use participantIds')
  const invited = membersOf(room).length
  const seats = seatsOf(room, limits)
  if (invited > seats) {
    return refuseInput('participantIds', `invites ${invited} users to a room of ${seats} seats`)
  }
  return undefined
}
