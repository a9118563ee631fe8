import { z } from 'zod'
import { badInput, RtcError } from '../core/errors.ts'
import type { Observer } from '../core/observer.ts'
import { eventOf, type EventStream, type EventStreams } from '../http/event-stream.ts'
import { prefersJson } from '../http/json.ts'
import { jsonReply, type Route, route } from '../rest/route.ts'
import { DeviceId } from '../rooms/input.ts'
import { participantJson, ParticipantJson, roomJson, RoomJson } from '../rooms/json.ts'
import { ROOM_EVENT_TYPES } from '../rooms/model.ts'
import { Delivery, type DeliverySink } from './delivery.ts'
import type { RoomUpdate } from './event.ts'
import type { FanOut } from './fan-out.ts'
import type { View } from './shared-view.ts'
import { reportSlowConsumer } from './queue.ts'
import type { RoomStream, RoomStreams } from './stream.ts'

const PAGE = { default: 100, max: 500 } as const

const wholeNumber = z
  .string()
  .regex(/^\d{1,9}$/, 'must be a whole number')
  .transform(Number)

const EventsQuery = z.strictObject({
  after: wholeNumber.optional().describe('Number of the last event that you have received'),
  deviceId: DeviceId.optional().describe(
    'The subscribing device: only a stream of the device that has joined proves presence',
  ),
  first: wholeNumber.optional().describe(`Events per JSON page: by default ${PAGE.default}, at most ${PAGE.max}`),
})

const UpdateJson = z.object({
  seq: z.int().describe('The cursor: resume with `after` or Last-Event-ID'),
  type: z
    .enum(['snapshot', ...ROOM_EVENT_TYPES])
    .describe('The kind of event; snapshot begins a stream without a cursor'),
  at: z.iso.datetime().describe('The time of the event, or of the snapshot'),
  actorId: z
    .string()
    .nullable()
    .describe('The user who caused the event; null if the gateway did, as at a deadline, and for a snapshot'),
  participant: ParticipantJson.nullable().describe('The participant affected by the event, as of this event'),
  participantIds: z
    .array(z.string())
    .describe('The users affected by the event; if several share the event, `participant` is null'),
  room: RoomJson.describe('The room as of this event'),
})

const PageJson = z.object({
  events: z.array(UpdateJson),
  pageInfo: z.object({ hasNextPage: z.boolean(), endCursor: z.int().nullable() }),
})

const updateJson = ({ seq, type, at, actorId, ...update }: RoomUpdate): z.input<typeof UpdateJson> => ({
  seq,
  type,
  at: at.toISOString(),
  actorId,
  participant: update.participant && participantJson(update.participant, at),
  participantIds: [...update.participantIds],
  room: roomJson(update.room, at),
})

/** Milliseconds after which EventSource reconnects. */
const RETRY = 2_000
/** The opening and the keep-alive message of REST's event streams. */
export const REST_STREAM = {
  opening: Buffer.from(`retry: ${RETRY}\n\n`),
  keepAlive: eventOf({ event: 'keep_alive', data: '{}' }),
}

/** The view of all REST subscribers. */
const VIEW: View = {
  name: 'REST',
  key: 'REST',
  create: () => (update) => eventOf({ id: update.seq, event: update.type, data: JSON.stringify(updateJson(update)) }),
}

/** The routes of a room's events: live, or page by page. */
export function eventRoutes(
  { streams, fanOut, observer }: { streams: RoomStreams; fanOut: FanOut; observer: Observer },
  eventStreams: EventStreams,
): Route[] {
  return [
    route({
      method: 'GET',
      path: '/rooms/:id/events',
      operationId: 'getRoomEvents',
      access: 'read',
      summary: "A room's events as server-sent events; with Accept: application/json, its log page by page.",
      input: EventsQuery,
      success: [200, 204],
      output: PageJson,
      events: UpdateJson,
      async handle({ actor, params, input: { first, ...query }, headers }) {
        const request = { actor, roomId: params.id, deviceId: query.deviceId }
        if (prefersJson(headers.accept)) {
          return jsonReply(await pageOf(streams, { ...request, after: query.after ?? 0 }, first))
        }
        const after = lastEventId(headers['last-event-id']?.toString()) ?? query.after
        // Only status 204 stops EventSource from reconnecting.
        if (after !== undefined && (await streams.isOver({ ...request, after }))) return { status: 204 }
        const stream = await streams.open({ ...request, after })
        return reply(stream, { fanOut, eventStreams, observer })
      },
    }),
  ]
}

function reply(
  stream: RoomStream,
  { fanOut, eventStreams, observer }: { fanOut: FanOut; eventStreams: EventStreams; observer: Observer },
) {
  const kind = { ...REST_STREAM, field: 'getRoomEvents' }
  try {
    return eventStreams.reply(stream.viewer, kind, (events) => void deliver(stream, events, { fanOut, observer }))
  } catch (error) {
    stream.close()
    throw error
  }
}

async function deliver(
  stream: RoomStream,
  events: EventStream,
  { fanOut, observer }: { fanOut: FanOut; observer: Observer },
): Promise<void> {
  const sink: DeliverySink = {
    write: (payload) => events.write(payload),
    post: (payload) => events.post(payload),
  }
  try {
    const delivery = new Delivery(stream, { fanOut, view: VIEW, sink })
    events.onClose(() => void delivery.return())
    await delivery.next()
  } catch (error) {
    stream.close()
    reportSlowConsumer(observer, error, { userId: stream.viewer.id, transport: 'rest' })
    events.post(problemEvent(error))
  }
  events.end()
}

/** The event that reports why a stream ends early. EventSource reconnects by itself. */
export function problemEvent(error: unknown): Buffer {
  const { code, message, retryAfter } =
    error instanceof RtcError ? error : new RtcError('INTERNAL', 'The stream failed.', { retryAfter: 1 })
  return Buffer.concat([
    Buffer.from(`retry: ${(retryAfter ?? 1) * 1000}\n`),
    eventOf({ event: 'problem', data: JSON.stringify({ code, detail: message, retryAfter: retryAfter ?? null }) }),
  ])
}

async function pageOf(
  streams: RoomStreams,
  request: { actor: RoomStream['viewer']; roomId: string; after: number },
  first: number = PAGE.default,
): Promise<z.input<typeof PageJson>> {
  if (first < 1 || first > PAGE.max) {
    throw badInput([{ path: 'first', message: `must be between 1 and ${PAGE.max}` }])
  }
  const updates = await streams.page(request, first + 1)
  const events = updates.slice(0, first).map(updateJson)
  return { events, pageInfo: { hasNextPage: updates.length > first, endCursor: events.at(-1)?.seq ?? null } }
}

/** https://html.spec.whatwg.org/multipage/server-sent-events.html#the-last-event-id-header */
function lastEventId(header: string | undefined): number | undefined {
  if (!header) return undefined
  const parsed = wholeNumber.safeParse(header)
  if (parsed.success) return parsed.data
  throw badInput([{ path: 'Last-Event-ID', message: 'must be the id of an event of this stream' }])
}
