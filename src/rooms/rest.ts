import { z } from 'zod'
import type { Actor } from '../core/actor.ts'
import type { Clock } from '../core/clock.ts'
import { parseInput } from '../core/input.ts'
import { parseTime, TIME_RULE } from '../core/time.ts'
import {
  CreateRoom,
  JoinRoom,
  LeaveRoom,
  Page,
  ParticipantsPage,
  RejectCall,
  requireClientRequestId,
  RoomFilter,
  TransferHost,
  UserId,
} from './input.ts'
import { connectionJson, ConnectionJson } from '../media/json.ts'
import { jsonReply, type Route, route } from '../rest/route.ts'
import { participantJson, ParticipantJson, roomJson, RoomJson } from './json.ts'
import { PARTICIPANT_STATES, type RoomMember } from './model.ts'
import { cursorOf, inState, type ParticipantsFilter } from './participants-page.ts'
import type { RoomService } from './service.ts'

/** An empty body. */
const EmptyBody = z.strictObject({})
/** Query parameters are ignored. */
const AnyQuery = z.object({})
const wholeNumber = z
  .string()
  .regex(/^\d{1,9}$/, 'must be a whole number')
  .transform(Number)
/** An unencoded `+` in a query is decoded as a space, and few clients encode it. */
const time = z
  .string()
  .transform((text) => parseTime(text.replace(/ (?=\d\d:\d\d$)/, '+')))
  .pipe(z.date(TIME_RULE))
const orNull = <T>(value: T | undefined): T | null => value ?? null
const RoomsQuery = z.strictObject({
  ...RoomFilter.shape,
  from: time.describe('Created at or after: an RFC 3339 time, or a date').optional().transform(orNull),
  to: time.describe('Created before: an RFC 3339 time, or a date').optional().transform(orNull),
  first: wholeNumber.optional(),
  after: z.string().optional(),
})
const ParticipantsQuery = z.strictObject({
  state: z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(z.enum(PARTICIPANT_STATES)))
    .describe('Only participants in one of these states, separated by commas')
    .optional(),
  first: wholeNumber.optional(),
  after: z.string().describe('The cursor from the `Link: rel="next"` header').optional(),
})
const RoomsJson = z.object({
  rooms: z.array(RoomJson),
  pageInfo: z.object({ hasNextPage: z.boolean(), endCursor: z.string().nullable() }),
})

const MemberJson = RoomJson.extend({ participant: ParticipantJson })
const memberJson = ({ room, participant }: RoomMember, now: Date) => ({
  ...roomJson(room, now),
  participant: participantJson(participant, now),
})

/** REST routes of rooms. */
export function roomRoutes({ rooms, clock }: { rooms: RoomService; clock: Clock }): Route[] {
  const end = (declared: Pick<Route, 'method' | 'operationId' | 'summary'>): Route =>
    route({
      ...declared,
      path: '/rooms/:id/end',
      access: 'end',
      input: EmptyBody,
      success: [200],
      output: RoomJson,
      handle: async ({ actor, params }) => jsonReply(roomJson(await rooms.end(actor, params.id), clock.now())),
    })

  const everyParticipant = async (actor: Actor, roomId: string, state: ParticipantsFilter['state']) => {
    const room = await rooms.get(actor, roomId)
    return { participants: room.participants.filter(inState(state)), hasNextPage: false }
  }

  return [
    route({
      method: 'POST',
      path: '/rooms',
      operationId: 'createRoom',
      access: 'create',
      summary:
        'Create a room. A repeat returns 200 with the existing room: a request with the same Idempotency-Key, or a call equal to one of yours that is still ringing for the callee.',
      input: CreateRoom,
      success: [201, 200],
      output: RoomJson,
      async handle({ actor, input, headers, addressOf }) {
        const key = requireClientRequestId(headers['idempotency-key']?.toString())
        const { room, replayed } = await rooms.create(actor, input, key)
        const location = { Location: addressOf(`/rooms/${room.id}`) }
        return replayed
          ? jsonReply(roomJson(room, clock.now()), 200, { ...location, 'Idempotent-Replayed': 'true' })
          : jsonReply(roomJson(room, clock.now()), 201, location)
      },
    }),
    route({
      method: 'GET',
      path: '/rooms',
      operationId: 'listRooms',
      access: 'user',
      summary: 'Your rooms, newest first.',
      input: RoomsQuery,
      success: [200],
      output: RoomsJson,
      async handle({ actor, input: { first, after, ...filter } }) {
        const page = await rooms.list(actor, filter, parsePage({ first, after }))
        const now = clock.now()
        return jsonReply({
          rooms: page.rooms.map((room) => roomJson(room, now)),
          pageInfo: { hasNextPage: page.hasNextPage, endCursor: page.rooms.at(-1)?.id ?? null },
        })
      },
    }),
    route({
      method: 'GET',
      path: '/rooms/:id',
      operationId: 'getRoom',
      access: 'read',
      summary: 'Get room details.',
      input: AnyQuery,
      success: [200],
      output: RoomJson,
      async handle({ actor, params }) {
        const { room } = await rooms.getWithoutParticipants(actor, params.id)
        return jsonReply(roomJson(room, clock.now()))
      },
    }),
    route({
      method: 'POST',
      path: '/rooms/:id/join',
      operationId: 'joinRoom',
      access: 'join',
      summary: 'Join a room.',
      input: JoinRoom,
      success: [200],
      output: MemberJson.extend({ connection: ConnectionJson }),
      async handle({ actor, params, input }) {
        const { connection, ...member } = await rooms.join(actor, params.id, input)
        return jsonReply({ ...memberJson(member, clock.now()), connection: connectionJson(connection) })
      },
    }),
    route({
      method: 'POST',
      path: '/rooms/:id/leave',
      operationId: 'leaveRoom',
      access: 'leave',
      summary: 'Leave a room.',
      input: LeaveRoom,
      success: [200],
      output: RoomJson,
      async handle({ actor, params, input }) {
        const { room } = await rooms.leave(actor, params.id, input)
        return jsonReply(roomJson(room, clock.now()))
      },
    }),
    end({ method: 'POST', operationId: 'endRoom', summary: 'End a room.' }),
    end({ method: 'PUT', operationId: 'putRoomEnd', summary: 'End a room; the same as POST.' }),
    route({
      method: 'POST',
      path: '/rooms/:id/reject',
      operationId: 'rejectCall',
      access: 'reject',
      summary: 'Decline an invitation.',
      input: RejectCall,
      success: [200],
      output: MemberJson,
      handle: async ({ actor, params, input }) =>
        jsonReply(memberJson(await rooms.reject(actor, params.id, input), clock.now())),
    }),
    route({
      method: 'GET',
      path: '/rooms/:id/participants',
      operationId: 'getRoomParticipants',
      access: 'read',
      summary:
        'Get room participants, in the order of their first invitation or join. With `first`, a page; `Link: rel="next"` leads to the next page.',
      input: ParticipantsQuery,
      success: [200],
      output: z.array(ParticipantJson),
      async handle({ actor, params, input, addressOf }) {
        const { state, first } = input
        const page = parseInput(ParticipantsPage, input)
        const { participants, hasNextPage } =
          first === undefined
            ? await everyParticipant(actor, params.id, page.state)
            : await rooms.participants(actor, { roomId: params.id, ...page })
        const now = clock.now()
        const body = participants.map((participant) => participantJson(participant, now))
        const last = participants.at(-1)
        if (!hasNextPage || !last) return jsonReply(body)
        const next = new URLSearchParams({
          first: String(first),
          after: cursorOf(last),
          ...(state && { state: state.join() }),
        })
        return jsonReply(body, 200, {
          Link: `<${addressOf(`/rooms/${last.roomId}/participants?${next.toString()}`)}>; rel="next"`,
        })
      },
    }),
    route({
      method: 'POST',
      path: '/rooms/:id/participants',
      operationId: 'inviteParticipant',
      access: 'invite',
      summary: 'Invite a user into a group.',
      input: z.strictObject({ userId: UserId }),
      success: [200],
      output: MemberJson,
      async handle({ actor, params, input: { userId } }) {
        const { room, invited } = await rooms.invite(actor, params.id, { userIds: [userId] })
        return jsonReply(invited.map((participant) => memberJson({ room, participant }, clock.now()))[0])
      },
    }),
    route({
      method: 'PUT',
      path: '/rooms/:id/host',
      operationId: 'transferHost',
      access: 'transferHost',
      summary: 'Make a joined participant the host of a group.',
      input: TransferHost,
      success: [200],
      output: MemberJson,
      handle: async ({ actor, params, input }) =>
        jsonReply(memberJson(await rooms.transferHost(actor, params.id, input), clock.now())),
    }),
    route({
      method: 'DELETE',
      path: '/rooms/:id/participants/:userId',
      operationId: 'removeParticipant',
      access: 'remove',
      summary: 'Remove a participant from a group, until they are invited again.',
      input: EmptyBody,
      success: [200],
      output: MemberJson,
      handle: async ({ actor, params }) =>
        jsonReply(memberJson(await rooms.remove(actor, params.id, params.userId), clock.now())),
    }),
  ]
}

const parsePage = (page: { first: number | undefined; after: string | undefined }) => parseInput(Page, page)
