import { builder } from '../../graphql/builder.ts'
import type { Context } from '../../graphql/context.ts'
import { enumOf } from '../../graphql/enum.ts'
import {
  LEAVE_REASONS,
  PARTICIPANT_ROLES,
  PARTICIPANT_STATES,
  type Participant,
  participantDuration,
  REACHES,
  uidOf,
} from '../model.ts'

const LeaveReason = enumOf('LeaveReason', LEAVE_REASONS, 'Why a participant left.', {
  left: 'The participant left.',
  removed: 'The host removed the participant.',
  disconnected: "The participant's stream was lost for longer than the grace.",
  replaced: 'The user joined from another device.',
  ended: 'The room ended.',
})
const ParticipantRole = enumOf('ParticipantRole', PARTICIPANT_ROLES, 'The role of a participant in the room.', {
  caller: 'The user who calls, or who created the group.',
  callee: 'The user who is called in a P2P room.',
  member: 'Any other participant of a GROUP.',
  observer: 'Receives media but does not publish.',
})
export const ParticipantState = enumOf('ParticipantState', PARTICIPANT_STATES, 'The state of a participant.', {
  invited: 'Invited, but has not joined since.',
  joined: 'In the room.',
  left: 'Left the room, or gave up the invitation.',
  rejected: 'Declined the invitation.',
  missed: 'Did not answer the invitation before its deadline.',
  removed: 'Removed by the host; may not join until invited again.',
})

export const Reach = enumOf(
  'Reach',
  REACHES,
  'How far the ring of an invitation got. While it rings, it only gets further: NONE, PUSHED, CONNECTED.',
  {
    none: 'No device of the user is connected, and no push service has been asked to notify one.',
    pushed: "A push service has accepted a notification for the user's devices.",
    connected: 'A device of the user is connected: it has a live stream of incoming calls.',
  },
)

/**
 * A room from a stream carries its participants and is shown as of its event, which the context tells if it serves that event
 * only; a room from a read is shown as of now.
 */
export interface AsOf {
  readonly participants?: readonly Participant[]
  /** The viewer's own row, if it was read with the room. */
  readonly me?: Participant | null
  readonly asOf?: Date
}
export const timeOf = (shown: object, { asOf, clock }: Context): Date => (shown as AsOf).asOf ?? asOf ?? clock.now()

/** A room or participant that is shown as of an event. It is copied only if the context does not tell the time. */
export const asOfEvent = <T extends object>(shown: T, at: Date, { asOf }: Context): T & AsOf =>
  asOf ? shown : { ...shown, asOf: at }

export const asOfRoom = (room: AsOf, participant: Participant): Participant & AsOf =>
  room.asOf ? { ...participant, asOf: room.asOf } : participant

export const ParticipantRef = builder.prismaObject('Participant', {
  description: "A user's row in a room, which covers all of their memberships.",
  extensions: { immutable: true },
  fields: (t) => ({
    id: t.id({
      description: '`<roomId>:<userId>`',
      extensions: { derived: true },
      resolve: ({ roomId, userId }) => `${roomId}:${userId}`,
    }),
    userId: t.exposeID('userId', { description: 'The id of the user.' }),
    uid: t.int({
      description:
        'The number of the participant in the room, from 1. No other participant of the room ever gets it. With provider ' +
        'AGORA, which identifies users by numbers, it is their uid.',
      extensions: { derived: true },
      resolve: (participant) => uidOf(participant),
    }),
    role: t.expose('role', { type: ParticipantRole, description: 'The role in the room.' }),
    state: t.expose('state', { type: ParticipantState, description: 'The current state.' }),
    audio: t.exposeBoolean('audio'),
    video: t.exposeBoolean('video'),
    connected: t.exposeBoolean('connected'),
    joinedAt: t.expose('joinedAt', { type: 'DateTime', nullable: true }),
    leftAt: t.expose('leftAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the participant last left; null unless they left.',
    }),
    leaveReason: t.expose('leaveReason', {
      type: LeaveReason,
      nullable: true,
      description: 'Why the participant last left; null unless they left.',
    }),
    duration: t.int({
      description: 'Whole seconds of all memberships, including the current one.',
      resolve: (participant, _args, context) => participantDuration(participant, timeOf(participant, context)),
    }),
    sessionId: t.exposeID('sessionId', {
      nullable: true,
      description: 'The session that holds the seat; each join that is not a repeat begins one. Null unless joined.',
    }),
    lostAt: t.expose('lostAt', {
      type: 'DateTime',
      nullable: true,
      description:
        'When the connection was lost. The membership and its duration end at this time unless the connection is restored; ' +
        '`leftAt` is the time at which the participant left.',
    }),
    reach: t.expose('reach', {
      type: Reach,
      nullable: true,
      description:
        'How far the last invitation got that rang. In P2P, a change while it rings emits PARTICIPANT_UPDATED; in a GROUP, it ' +
        'stays as it was at the invitation. Null if no invitation rang.',
    }),
  }),
})
