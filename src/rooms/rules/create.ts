import type { Actor } from '../../core/actor.ts'
import type { MediaProvider } from '../../core/media-provider.ts'
import { type Decision, type RoomLimits, refuseInput, type Refusal } from './decision.ts'
import { Draft, later } from './draft.ts'
import { end } from './ending.ts'
import { rejected } from './invitation.ts'
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
  /** The callee is in another call, and that is to end this one at once. */
  readonly calleeIsBusy: boolean
  /** Those of the invited for whom it does not ring. */
  readonly silentFor: ReadonlySet<string>
  /** Whether the caller, joined to a call of the callee's to them, opens a stream within the grace. */
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

/** Seats of a group whose media goes through a server. */
const GROUP_SEATS = 50
const P2P_SEATS = 2

/** Creates a room. Refuses with FORBIDDEN or BAD_USER_INPUT. */
export function decideCreate(
  { actor, room, calleeIsBusy, silentFor }: CreateCommand,
  now: Date,
  limits: RoomLimits,
): Decision {
  const refusal = refusalOfCreation({ actor, room }) ?? problemOf(room, limits)
  if (refusal) return refusal

  const { participantIds, ...fields } = room
  const invited = room.type === 'p2p' ? [room.calleeId ?? ''] : membersOf(room)
  const role: ParticipantRole = room.type === 'p2p' ? 'callee' : 'member'
  const ringsUntil = later(now, limits.ring)
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
    },
    participants: [
      // The caller of a p2p room is expected by the same time as the answer; in a group nobody waits for them.
      newParticipant(room, room.callerId, {
        ordinal: 0,
        role: 'caller',
        ringsUntil: room.type === 'p2p' ? ringsUntil : null,
      }),
      ...invited.map((userId, index) =>
        newParticipant(room, userId, { ordinal: index + 1, role, ringsUntil, silent: silentFor.has(userId) }),
      ),
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

/** Whoever asks for more seats than a mesh carries gets them: they may bring a media server of their own. */
function seatsOf(room: NewRoom, { meshMax }: RoomLimits): number {
  if (room.type === 'p2p') return P2P_SEATS
  return room.maxParticipants ?? (room.provider === 'webrtc' ? meshMax : GROUP_SEATS)
}

/** When a group that nobody joins is over; not before the invitations are. */
const emptyAt = (rings: boolean, now: Date, { ring, empty }: RoomLimits): Date =>
  later(now, rings ? Math.max(ring, empty) : empty)

const problemOf = (room: NewRoom, limits: RoomLimits): Refusal | undefined =>
  room.type === 'p2p' ? p2pProblem(room) : groupProblem(room, limits)

function p2pProblem(room: NewRoom): Refusal | undefined {
  if (room.calleeId === null) return refuseInput('calleeId', 'is required for a p2p room')
  if (room.calleeId === room.callerId) return refuseInput('calleeId', 'must be another user than the caller')
  if (room.participantIds.length > 0)
    return refuseInput('participantIds', 'belongs to group rooms; a p2p room has a calleeId')
  if (room.access === 'link') return refuseInput('access', 'link belongs to group rooms')
  if (room.maxParticipants !== null && room.maxParticipants !== P2P_SEATS) {
    return refuseInput('maxParticipants', `is ${P2P_SEATS} for a p2p room`)
  }
  return undefined
}

function groupProblem(room: NewRoom, limits: RoomLimits): Refusal | undefined {
  if (room.calleeId !== null) return refuseInput('calleeId', 'belongs to p2p rooms; a group has participantIds')
  const invited = membersOf(room).length
  const seats = seatsOf(room, limits)
  if (invited > seats) {
    return refuseInput('participantIds', `invites ${invited} users to a room of ${seats} seats`)
  }
  return undefined
}
