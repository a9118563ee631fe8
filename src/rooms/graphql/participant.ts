import { builder } from '../../graphql/builder.ts'
import { enumOf } from '../../graphql/enum.ts'
import {
  LEAVE_REASONS,
  PARTICIPANT_ROLES,
  PARTICIPANT_STATES,
  type Participant,
  participantDuration,
} from '../model.ts'

const LeaveReason = enumOf('LeaveReason', LEAVE_REASONS, 'Why a participant left.')
const ParticipantRole = enumOf('ParticipantRole', PARTICIPANT_ROLES, 'The role of a participant in the room.')
export const ParticipantState = enumOf('ParticipantState', PARTICIPANT_STATES, 'The state of a participant.')

/** A room from a stream carries its participants and is shown as of its event; a room from a read is shown as of now. */
export interface AsOf {
  readonly participants?: readonly Participant[]
  readonly asOf?: Date
}
export const asOf = (parent: object): Date | undefined => (parent as AsOf).asOf

export const asOfRoom = (room: AsOf, participant: Participant): Participant & AsOf =>
  room.asOf ? { ...participant, asOf: room.asOf } : participant

export const ParticipantRef = builder.prismaObject('Participant', {
  description: "A user's row in a room, which covers all of their memberships.",
  fields: (t) => ({
    id: t.id({ description: '`<roomId>:<userId>`', resolve: ({ roomId, userId }) => `${roomId}:${userId}` }),
    userId: t.exposeID('userId'),
    role: t.expose('role', { type: ParticipantRole }),
    state: t.expose('state', { type: ParticipantState }),
    audio: t.exposeBoolean('audio'),
    video: t.exposeBoolean('video'),
    connected: t.exposeBoolean('connected'),
    joinedAt: t.expose('joinedAt', { type: 'DateTime', nullable: true }),
    leftAt: t.expose('leftAt', { type: 'DateTime', nullable: true }),
    leaveReason: t.expose('leaveReason', { type: LeaveReason, nullable: true }),
    duration: t.int({
      description: 'Whole seconds of all memberships, including the current one.',
      resolve: (participant, _args, { clock }) => participantDuration(participant, asOf(participant) ?? clock.now()),
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
  }),
})
