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
import { type AsOf, asOf, asOfRoom, ParticipantRef } from './participant.ts'

export const RoomType = enumOf('RoomType', ROOM_TYPES, 'A call between two users, or a group.')
export const MediaType = enumOf('MediaType', MEDIA_TYPES, 'The media of the room; VIDEO includes audio.')
export const RoomAccess = enumOf(
  'RoomAccess',
  ROOM_ACCESSES,
  'Who may join: only invited users, or any user who knows the id.',
)
const RoomStatus = enumOf(
  'RoomStatus',
  ROOM_STATUSES,
  'WAITING until a second participant has joined, then ACTIVE; ENDED is final.',
)
const EndReason = enumOf('EndReason', END_REASONS, 'Why a room has ended.')

export const RoomRef = builder.prismaObject('Room', {
  description: 'A room or call.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'UUID v7: the same string in REST, GraphQL and SDK.' }),
    type: t.expose('type', { type: RoomType }),
    mediaType: t.expose('mediaType', { type: MediaType }),
    status: t.expose('status', { type: RoomStatus }),
    callerId: t.exposeID('callerId'),
    calleeId: t.exposeID('calleeId', { nullable: true }),
    name: t.exposeString('name', { nullable: true }),
    metadata: t.expose('metadata', { type: 'JSON', nullable: true }),
    provider: t.expose('provider', { type: MediaProvider }),
    access: t.expose('access', { type: RoomAccess }),
    maxParticipants: t.exposeInt('maxParticipants'),
    seq: t.exposeInt('seq', { description: "Number of the room's last event; a cursor for `roomUpdated(after:)`." }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    startedAt: t.expose('startedAt', { type: 'DateTime', nullable: true }),
    endedAt: t.expose('endedAt', { type: 'DateTime', nullable: true }),
    endReason: t.expose('endReason', { type: EndReason, nullable: true }),
    duration: t.int({
      nullable: true,
      description: 'Whole seconds for which the room was, or has been, active; null if it never was.',
      resolve: (room, _args, { clock }) => roomDuration(room as RoomFields, asOf(room) ?? clock.now()),
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
      resolve(room: AsOf & { id: string }, _args, { actor, reader }) {
        if (!room.participants) return reader.viewerParticipant(room.id)
        const participant = room.participants.find(({ userId }) => userId === actor.id)
        return participant ? asOfRoom(room, participant) : null
      },
    }),
  }),
})

/** Resolves synchronously when the room comes from a stream and has few participants. */
function participantsOf(room: AsOf & { id: string }, { reader, work, pacer, lane }: Context, info: GraphQLResolveInfo) {
  const present = (participants: readonly Participant[]) => {
    work.charge(participants.length, info)
    const rows = participants.map((participant) => asOfRoom(room, participant))
    return inTurns(rows, () => pacer.turn(lane))
  }
  if (room.participants) return present(room.participants)
  work.price(info)
  return reader.participantsOf(room.id).then(present)
}

const RoomFilterInput = builder.inputType('RoomFilter', {
  description: 'Conditions, combined with AND.',
  fields: (t) => ({
    status: t.field({ type: RoomStatus }),
    endReason: t.field({ type: EndReason }),
    type: t.field({ type: RoomType }),
    mediaType: t.field({ type: MediaType }),
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
    args: { id: t.arg.id({ required: true }) },
    resolve: (_root, { id }, { rooms, actor }) => rooms.get(actor, id),
  }),
  rooms: t.connection(
    {
      type: RoomRef,
      description: `Your rooms, newest first; ${PAGE_DEFAULT} unless \`first\` or \`last\` is given.`,
      access: 'user',
      args: { filter: t.arg({ type: RoomFilterInput }) },
      extensions: { size: { page: PAGE_DEFAULT } },
      async resolve(_root, { filter, ...page }, { rooms, actor }) {
        const found = await rooms.list(actor, parseInput(RoomFilter, filter ?? {}), parseInput(Page, page))
        const edges = found.rooms.map((room) => ({ cursor: room.id, node: room }))
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
    { name: 'RoomConnection' },
    { name: 'RoomEdge' },
  ),
}))
