import { z } from 'zod'
import type { Actor } from '../core/actor.ts'
import type { Observer } from '../core/observer.ts'
import { reportSlowConsumer } from '../events/queue.ts'
import { problemEvent, REST_STREAM } from '../events/rest.ts'
import { eventOf, type EventStream, type EventStreams } from '../http/event-stream.ts'
import { prefersJson } from '../http/json.ts'
import { jsonReply, type Route, route } from '../rest/route.ts'
import { roomJson, RoomJson } from '../rooms/json.ts'
import type { IncomingCalls } from './incoming.ts'
import { INCOMING_CALL_TYPES, type IncomingCall } from './ringing.ts'

const CallJson = z.object({
  type: z.enum(INCOMING_CALL_TYPES).describe('ringing when a call starts to ring; another value when it stops ringing'),
  at: z.iso.datetime().describe('The time of the message'),
  deviceId: z
    .string()
    .nullable()
    .describe('With answered, the device that answered; null if it joined without a deviceId'),
  room: RoomJson.describe('The room of the call, as of `at`'),
})

const CallsJson = z.object({ calls: z.array(CallJson) })

const callJson = ({ type, at, deviceId, room }: IncomingCall): z.input<typeof CallJson> => ({
  type,
  at: at.toISOString(),
  deviceId,
  room: roomJson(room, at),
})

/** The routes of the user's incoming calls. */
export function callEventRoutes(
  { calls, observer }: { calls: IncomingCalls; observer: Observer },
  eventStreams: EventStreams,
): Route[] {
  return [
    route({
      method: 'GET',
      path: '/calls/events',
      operationId: 'getCallEvents',
      access: 'user',
      summary:
        'Your incoming calls as server-sent events: first those that are ringing, then every start and end of ringing. ' +
        'With Accept: application/json, only those that are ringing.',
      input: z.strictObject({}),
      success: [200],
      output: CallsJson,
      events: CallJson,
      async handle({ actor, headers }) {
        if (prefersJson(headers.accept)) {
          return jsonReply({ calls: (await calls.ringingFor(actor.id)).map(callJson) })
        }
        const incoming = calls.open(actor.id)
        try {
          const kind = { ...REST_STREAM, field: 'getCallEvents' }
          return eventStreams.reply(actor, kind, (events) => void deliver(incoming, events, { actor, observer }))
        } catch (error) {
          await incoming.return?.()
          throw error
        }
      },
    }),
  ]
}

async function deliver(
  incoming: AsyncIterableIterator<IncomingCall>,
  events: EventStream,
  { actor, observer }: { actor: Actor; observer: Observer },
): Promise<void> {
  events.onClose(() => void incoming.return?.())
  try {
    for await (const call of incoming) {
      const message = eventOf({ event: call.type, data: JSON.stringify(callJson(call)) })
      await events.write(message)
      observer.delivery?.({ kind: 'single', subscribers: 1, bytes: message.length, duration: undefined })
    }
  } catch (error) {
    reportSlowConsumer(observer, error, { userId: actor.id, transport: 'rest' })
    events.post(problemEvent(error))
  }
  events.end()
}
