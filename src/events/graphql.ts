import { builder } from '../graphql/builder.ts'
import { enumOf } from '../graphql/enum.ts'
import { badInput } from '../core/errors.ts'
import { ROOM_EVENT_TYPES, type RoomEvent } from '../rooms/model.ts'
import { requireDeviceId } from '../rooms/input.ts'
import { asOfEvent, ParticipantRef } from '../rooms/graphql/participant.ts'
import { RoomRef } from '../rooms/graphql/room.ts'
import { type RoomUpdate, subjectsOf } from './event.ts'

const RoomEventType = enumOf('RoomEventType', ['snapshot', ...ROOM_EVENT_TYPES], 'The kind of event.', {
  snapshot: 'The present room: the first message of a stream without a cursor.',
  room_created: 'The room was created.',
  room_started: 'A second participant has joined; the room is now active.',
  room_updated: 'A property of the room was changed.',
  room_ended: 'The room has ended.',
  participant_invited: 'Participants were invited.',
  participant_joined: 'A participant joined.',
  participant_left: 'A participant left; leaveReason states why.',
  participant_rejected: 'A participant declined the invitation.',
  participant_missed: 'Participants did not answer the invitation in time.',
  participant_removed: 'A participant was removed.',
  participant_updated:
    'A participant changed what they publish, began another session, or their ring got further (reach).',
  participant_disconnected: "A participant's stream was lost; the grace has begun.",
  participant_reconnected: 'A participant is connected again.',
})

const SHARED =
  'If more than 8 participants are invited, or miss an invitation, at the same time, they share one event: then the ' +
  'single participant is null and the list contains all of them.'

const RoomEventRef = builder.objectRef<RoomEvent>('RoomEvent').implement({
  description: "One entry of a room's log.",
  fields: (t) => ({
    seq: t.exposeInt('seq', { description: 'The number of the event in the room, from 1.' }),
    type: t.expose('type', { type: RoomEventType, description: 'The kind of event.' }),
    at: t.expose('at', { type: 'DateTime', description: 'The time of the event.' }),
    actorId: t.exposeID('actorId', {
      nullable: true,
      description: 'The user who caused the event; null if the gateway did, as at a deadline.',
    }),
    subjectId: t.exposeID('subjectId', { nullable: true, description: 'The user affected by the event.' }),
    subjectIds: t.idList({
      description: `The users affected by the event. ${SHARED}`,
      extensions: { size: 1 },
      resolve: (event) => [...subjectsOf(event)],
    }),
  }),
})

const EVENTS_DEFAULT = 100
const EVENTS_MAX = 500

builder.prismaObjectField(RoomRef, 'events', (t) =>
  t.field({
    type: [RoomEventRef],
    description: `The room's events with a seq greater than \`after\`: the \`first\` of them, ${EVENTS_DEFAULT} by default.`,
    args: {
      after: t.arg.int({ description: 'The seq of the last event to skip; 0 by default.' }),
      first: t.arg.int({ description: `The maximum number of events, from 1 to ${EVENTS_MAX}.` }),
    },
    extensions: { size: { page: EVENTS_DEFAULT } },
    async resolve(room, { after, first }, { reader }) {
      const limit = first ?? EVENTS_DEFAULT
      if (limit < 1 || limit > EVENTS_MAX) {
        throw badInput([{ path: 'first', message: `must be between 1 and ${EVENTS_MAX}` }])
      }
      return [...(await reader.eventsOf({ roomId: room.id, after: after ?? 0, upTo: room.seq, limit }))]
    },
  }),
)

const RoomUpdateRef = builder.objectRef<RoomUpdate>('RoomUpdate').implement({
  description: "One message of a room's stream.",
  fields: (t) => ({
    seq: t.exposeInt('seq', { description: 'The cursor: resume with `roomUpdated(after: seq)`.' }),
    type: t.expose('type', { type: RoomEventType, description: 'The kind of event.' }),
    at: t.expose('at', { type: 'DateTime', description: 'The time of the event, or of the snapshot.' }),
    actorId: t.exposeID('actorId', {
      nullable: true,
      description: 'The user who caused the event; null if the gateway did, as at a deadline, and for a SNAPSHOT.',
    }),
    participant: t.field({
      type: ParticipantRef,
      nullable: true,
      description: `The participant affected by the event, as of this event. ${SHARED}`,
      resolve: ({ participant, at }, _args, context) => participant && asOfEvent(participant, at, context),
    }),
    participantIds: t.idList({
      description: 'The users affected by the event, also if they share one event.',
      extensions: { size: 1 },
      resolve: ({ participantIds }) => [...participantIds],
    }),
    room: t.field({
      type: RoomRef,
      description: 'The room as of this event.',
      resolve: ({ room, at }, _args, context) => asOfEvent(room, at, context),
    }),
  }),
})

builder.subscriptionFields((t) => ({
  roomUpdated: t.field({
    type: RoomUpdateRef,
    access: 'read',
    description:
      "A room's events, each exactly once and in order. Begins with the event after `after`, or with a SNAPSHOT if " +
      '`after` is absent. Completes after ROOM_ENDED, after you are removed, and when another of your devices replaces ' +
      'the one that subscribed.',
    args: {
      roomId: t.arg.id({ required: true, description: 'The room to follow.' }),
      after: t.arg.int({ description: 'The seq of the last update that you have received.' }),
      deviceId: t.arg.id({
        description:
          'The subscribing device. Pass the deviceId that you joined with: only the stream of that device proves your ' +
          'presence. A stream without a deviceId proves it only if you joined without one.',
      }),
    },
    extensions: { shared: true },
    subscribe: (_root, { roomId, after, deviceId }, { streams, actor }) =>
      streams.open({
        actor,
        roomId,
        after: after ?? undefined,
        deviceId: requireDeviceId(deviceId),
      }),
    resolve: (update) => update,
  }),
}))
