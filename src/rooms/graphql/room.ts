import type { GraphQLResolveInfo } from 'graphql'
import { parseInput } from '../../core/input.ts'
import { builder } from '../../graphql/builder.ts'
import type { Context } from '../../graphql/context.ts'
import { enumOf } from '../../graphql/enum.ts'
import { inTurns } from '../../graphql/work.ts'
import { MediaProvider } from '../../media/graphql.ts'
import { Page, PAGE_DEFAULT, RoomFilter } from '../input.ts'
import {
  END_REASONS,
  hostOf,
  MEDIA_TYPES,
  type Participant,
  ROOM_ACCESSES,
  ROOM_STATUSES,
  ROOM_TYPES,
  roomDuration,
  type RoomFields,
} from '../model.ts'
import type { ProjectedRoom } from '../projection.ts'
import { type AsOf, asOfRoom, ParticipantRef, Reach, timeOf } from './participant.ts'
import { projectionOf } from './projection.ts'

export const RoomType = enumOf('RoomType', ROOM_TYPES, 'A call between two users, or a group.', {
  p2p: 'A call between a caller and a callee.',
  group: 'A room for any number of users.',
})
export const MediaType = enumOf('MediaType', MEDIA_TYPES, 'The media of the room; VIDEO includes audio.', {
  audio: 'Audio only.',
  video: 'Video and audio.',
})
export const RoomAccess = enumOf('RoomAccess', ROOM_ACCESSES, 'Who may join.', {
  invited: 'Only invited users.',
  link: 'Any user who knows the id.',
})
export const RoomStatus = enumOf(
  'RoomStatus',
  ROOM_STATUSES,
  'WAITING until a second participant has joined, then ACTIVE; ENDED is final.',
  {
    waiting: 'No second participant has joined yet.',
    active: 'A second participant has joined.',
    ended: 'Final.',
  },
)
const EndReason = enumOf('EndReason', END_REASONS, 'Why a room has ended.', {
  completed: 'A participant ended the room, or hung up, while it was ACTIVE.',
  cancelled: 'The room was ended before it was ACTIVE, by another user than the callee.',
  rejected: 'The callee declined.',
  busy: 'The callee was busy.',
  missed: 'No invited user answered.',
  empty: 'The room stayed empty for too long.',
  expired: 'The room reached its maximum duration.',
  failed: 'The callee joined, but the caller did not.',
})

export const RoomRef = builder.prismaObject('Room', {
  description: 'A room or call.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'UUID v7: the same string in REST, GraphQL and SDK.' }),
    type: t.expose('type', { type: RoomType, description: 'A call or a group.' }),
    mediaType: t.expose('mediaType', { type: MediaType, description: 'The media of the room.' }),
    status: t.expose('status', { type: RoomStatus, description: 'The current status.' }),
    callerId: t.exposeID('callerId'),
    calleeId: t.exposeID('calleeId', { nullable: true }),
    name: t.exposeString('name', { nullable: true, description: 'The name given at creation.' }),
    metadata: t.expose('metadata', { type: 'JSON', nullable: true }),
    provider: t.expose('provider', { type: MediaProvider, description: 'The service that carries the media.' }),
    access: t.expose('access', { type: RoomAccess, description: 'Who may join.' }),
    maxParticipants: t.exposeInt('maxParticipants'),
    seq: t.exposeInt('seq', { description: "Number of the room's last event; a cursor for `roomUpdated(after:)`." }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the room was created.' }),
    startedAt: t.expose('startedAt', { type: 'DateTime', nullable: true }),
    endedAt: t.expose('endedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When the room ended; null until then.',
    }),
    endReason: t.expose('endReason', {
      type: EndReason,
      nullable: true,
      description: 'Why the room ended; null until then.',
    }),
    duration: t.int({
      nullable: true,
      description: 'Whole seconds for which the room was, or has been, active; null if it never was.',
      resolve: (room, _args, context) => roomDuration(room as RoomFields, timeOf(room, context)),
    }),
    hostId: t.id({
      nullable: true,
      description:
        'The participant who may invite into a GROUP, remove from it and end it: the caller, until they transfer it or ' +
        'leave. Null in P2P.',
      resolve: (room) => hostOf(room as RoomFields),
    }),
    activeUntil: t.expose('activeUntil', {
      type: 'DateTime',
      nullable: true,
      description:
        'When an ended room stopped being active: `endedAt`, or the time at which the connection was lost that ended it.',
    }),
    reach: t.expose('reach', {
      type: Reach,
      nullable: true,
      description:
        'In P2P, `reach` of the callee: whether a device of theirs is connected, notified, or neither. Null in a GROUP.',
    }),
    participants: t.field({
      type: [ParticipantRef],
      description: 'All participants, former ones included, in the order in which they were first invited or joined.',
      extensions: { size: 'charged' },
      resolve: (room, _args, context, info) => participantsOf(room, context, info),
    }),
    me: t.field({
      type: ParticipantRef,
      nullable: true,
      description: 'Your own participant row; null for an administrator who is not a participant.',
      extensions: { dependsOnViewer: true },
      resolve(room: AsOf & { id: string }, _args, context) {
        const { actor } = context
        if (room.me !== undefined) return room.me
        if (!room.participants) return context.reader.viewerParticipant(room.id)
        const participant = room.participants.find(({ userId }) => userId === actor.id)
        return participant ? asOfRoom(room, participant) : null
      },
    }),
  }),
})

export const RoomConnectionRef = builder.connectionObject(
  { type: RoomRef, name: 'RoomConnection' },
  { name: 'RoomEdge' },
)

/** A room that was read with the fields that are selected. */
const shown = (room: ProjectedRoom) => room as RoomFields & Pick<AsOf, 'participants'>

/** Resolves synchronously when the room comes from a stream and has few participants. */
function participantsOf(room: AsOf & { id: string }, context: Context, info: GraphQLResolveInfo) {
  const { work, pacer, lane } = context
  const present = (participants: readonly Participant[]) => {
    work.charge(participants.length, info)
    const rows = participants.map((participant) => asOfRoom(room, participant))
    return inTurns(rows, () => pacer.turn(lane))
  }
  if (room.participants) return present(room.participants)
  work.price(info)
  return context.reader.participantsOf(room.id).then(present)
}

const RoomFilterInput = builder.inputType('RoomFilter', {
  description: 'Conditions, combined with AND.',
  fields: (t) => ({
    status: t.field({ type: RoomStatus, description: 'Only rooms with this status.' }),
    endReason: t.field({ type: EndReason, description: 'Only rooms that ended for this reason.' }),
    type: t.field({ type: RoomType, description: 'Only rooms of this type.' }),
    mediaType: t.field({ type: MediaType, description: 'Only rooms with this media type.' }),
    peer: t.id({ description: 'Another user who is, or was, a participant.' }),
    from: t.field({ type: 'DateTime', description: 'Created at or after.' }),
    to: t.field({ type: 'DateTime', description: 'Created before.' }),
  }),
})

builder.queryFields((t) => ({
  room: t.field({
    type: RoomRef,
    access: 'read',
    nullable: true,
    description: 'A room in which you are a participant. Errors: NOT_FOUND, FORBIDDEN.',
    args: { id: t.arg.id({ required: true, description: 'The id of the room.' }) },
    async resolve(_root, { id }, { rooms, actor }, info) {
      const projection = projectionOf(info, [])
      if (projection.participants) return shown(await rooms.getProjected(actor, id, projection))
      const { room, me } = await rooms.getWithoutParticipants(actor, id)
      return { ...room, me }
    },
  }),
  rooms: t.connection(
    {
      type: RoomRef,
      description: `Your rooms, newest first; ${PAGE_DEFAULT} unless \`first\` or \`last\` is given.`,
      access: 'user',
      args: { filter: t.arg({ type: RoomFilterInput, description: 'Conditions on the rooms.' }) },
      extensions: { size: { page: PAGE_DEFAULT } },
      async resolve(_root, { filter, ...page }, { rooms, actor }, info) {
        const given = [parseInput(RoomFilter, filter ?? {}), parseInput(Page, page)] as const
        const found = await rooms.listProjected(actor, ...given, projectionOf(info, ['edges', 'node']))
        const edges = found.rooms.map((room) => ({ cursor: room.id, node: shown(room) }))
        return {
          edges,
          pageInfo: {
            hasNextPage: found.hasNextPage,
            hasPreviousPage: found.hasPreviousPage,
            startCursor: edges[0]?.cursor ?? null,
            endCursor: edges.at(-1)?.cursor ?? null,
          },
        }
      },
    },
    RoomConnectionRef,
  ),
}))
