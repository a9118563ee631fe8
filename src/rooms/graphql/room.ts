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

export const RoomType = enumOf('RoomType', ROOM_TYPES, 'A call between two, or a room for many.')
export const MediaType = enumOf('MediaType', MEDIA_TYPES, 'What the call is about; video includes audio.')
export const RoomAccess = enumOf(
  'RoomAccess',
  ROOM_ACCESSES,
  'Who may join: those invited, or anybody who knows the id.',
)
const RoomStatus = enumOf('RoomStatus', ROOM_STATUSES, 'WAITING until a second participant has joined; ENDED for good.')
const EndReason = enumOf('EndReason', END_REASONS, 'Why a room is over.')

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
    seq: t.exposeInt('seq', { description: "Number of the room's last event: a cursor for `roomUpdated(after:)`." }),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
    startedAt: t.expose('startedAt', { type: 'DateTime', nullable: true }),
    endedAt: t.expose('endedAt', { type: 'DateTime', nullable: true }),
    endReason: t.expose('endReason', { type: EndReason, nullable: true }),
    duration: t.int({
      nullable: true,
      description: 'Whole seconds that the room was, or has been, active; null before.',
      resolve: (room, _args, { clock }) => roomDuration(room as RoomFields, asOf(room) ?? clock.now()),
    }),
    hostId: t.id({
      nullable: true,
      description:
        'Who invites into a GROUP, removes and ends it: the caller, until they hand it over or leave. Null in a call ' +
        'between two.',
      resolve: (room) => hostOf(room as RoomFields),
    }),
    activeUntil: t.expose('activeUntil', {
      type: 'DateTime',
      nullable: true,
      description: 'Until when an ended room was active: `endedAt`, or the loss of the connection that ended it.',
    }),
    participants: t.field({
      type: [ParticipantRef],
      description: 'Everybody who ever had a place in the room, in the order they came.',
      extensions: { size: 'charged' },
      resolve: (room, _args, context, info) => participantsOf(room, context, info),
    }),
    me: t.field({
      type: ParticipantRef,
      nullable: true,
      description: 'Your own place in the room; null for an administrator who has none.',
      extensions: { dependsOnViewer: true },
      resolve(room: AsOf & { id: string }, _args, { actor, reader }) {
        if (!room.participants) return reader.viewerParticipant(room.id)
        const own = room.participants.find(({ userId }) => userId === actor.id)
        return own ? asOfRoom(room, own) : null
      },
    }),
  }),
})

/** Without a promise where a stream has them at hand, and they are few. */
function participantsOf(room: AsOf & { id: string }, { reader, work, pacer, lane }: Context, info: GraphQLResolveInfo) {
  const seen = (participants: readonly Participant[]) => {
    work.charge(participants.length, info)
    const rows = participants.map((participant) => asOfRoom(room, participant))
    return inTurns(rows, () => pacer.turn(lane))
  }
  if (room.participants) return seen(room.participants)
  work.price(info)
  return reader.participantsOf(room.id).then(seen)
}

const RoomFilterInput = builder.inputType('RoomFilter', {
  description: 'Every condition given must hold.',
  fields: (t) => ({
    status: t.field({ type: RoomStatus }),
    endReason: t.field({ type: EndReason }),
    type: t.field({ type: RoomType }),
    mediaType: t.field({ type: MediaType }),
    peer: t.id({ description: 'A user who has, or had, a place in the room, too.' }),
    from: t.field({ type: 'DateTime', description: 'Created at or after.' }),
    to: t.field({ type: 'DateTime', description: 'Created before.' }),
  }),
})

builder.queryFields((t) => ({
  room: t.field({
    type: RoomRef,
    access: 'read',
    nullable: true,
    description: 'A room that you are a participant of. NOT_FOUND, FORBIDDEN otherwise.',
    args: { id: t.arg.id({ required: true }) },
    resolve: (_root, { id }, { rooms, actor }) => rooms.get(actor, id),
  }),
  rooms: t.connection(
    {
      type: RoomRef,
      description: `Your rooms, newest first; ${PAGE_DEFAULT} unless \`first\` or \`last\` says otherwise.`,
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
