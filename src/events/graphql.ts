import { builder } from '../graphql/builder.ts'
import { enumOf } from '../graphql/enum.ts'
import { badInput } from '../core/errors.ts'
import { ROOM_EVENT_TYPES, type RoomEvent } from '../rooms/model.ts'
import { requireDeviceId } from '../rooms/input.ts'
import { ParticipantRef } from '../rooms/graphql/participant.ts'
import { RoomRef } from '../rooms/graphql/room.ts'
import { type RoomUpdate, subjectsOf } from './event.ts'

const RoomEventType = enumOf(
  'RoomEventType',
  ['snapshot', ...ROOM_EVENT_TYPES],
  'What happened; SNAPSHOT begins a stream that has no cursor.',
)

const SHARED =
  'When more than 8 participants are invited, or miss the invitation, at the same moment, they share one event: then ' +
  'there is no single one, and the list names them all.'

const RoomEventRef = builder.objectRef<RoomEvent>('RoomEvent').implement({
  description: "One entry of a room's log.",
  fields: (t) => ({
    seq: t.exposeInt('seq'),
    type: t.expose('type', { type: RoomEventType }),
    at: t.expose('at', { type: 'DateTime' }),
    actorId: t.exposeID('actorId', { nullable: true, description: 'Who did it; null when time did.' }),
    subjectId: t.exposeID('subjectId', { nullable: true, description: 'The user whom it happened to.' }),
    subjectIds: t.idList({
      description: `The users whom it happened to. ${SHARED}`,
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
    description: `The room's log behind number \`after\`; ${EVENTS_DEFAULT} entries unless \`first\` says otherwise.`,
    args: { after: t.arg.int(), first: t.arg.int() },
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
    seq: t.exposeInt('seq', { description: 'Cursor: resume with `roomUpdated(after: seq)`.' }),
    type: t.expose('type', { type: RoomEventType }),
    at: t.expose('at', { type: 'DateTime' }),
    actorId: t.exposeID('actorId', { nullable: true }),
    participant: t.field({
      type: ParticipantRef,
      nullable: true,
      description: `Whom it happened to, as of this event. ${SHARED}`,
      resolve: ({ participant, at }) => participant && { ...participant, asOf: at },
    }),
    participantIds: t.idList({
      description: 'The users whom it happened to, also when they share one event.',
      extensions: { size: 1 },
      resolve: ({ participantIds }) => [...participantIds],
    }),
    room: t.field({
      type: RoomRef,
      description: 'The room as of this event.',
      resolve: ({ room, at }) => ({ ...room, asOf: at }),
    }),
  }),
})

builder.subscriptionFields((t) => ({
  roomUpdated: t.field({
    type: RoomUpdateRef,
    access: 'read',
    description:
      'Everything that happens in a room, each event exactly once and in order. Without `after` it begins with a ' +
      'SNAPSHOT; with it, with the next event. It completes after ROOM_ENDED, after your own removal, and when another ' +
      'device of yours joins in place of the one that reads.',
    args: {
      roomId: t.arg.id({ required: true }),
      after: t.arg.int({ description: 'The seq of the last update that you have.' }),
      deviceId: t.arg.id({
        description:
          'The device that reads. Name the one that you have joined with: only its stream proves that you are there. ' +
          'Without it, the stream proves that only where you have joined without a device, too.',
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
