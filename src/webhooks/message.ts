import { type DeliveredUpdate, ringChangesBy } from '../calls/ring-changes.ts'
import type { RoomUpdate } from '../events/event.ts'
import { participantJson, roomJson } from '../rooms/json.ts'
import type { Participant, Room } from '../rooms/model.ts'
import { webhookTypeOf } from './types.ts'

/** A message for a webhook endpoint: https://www.standardwebhooks.com */
export interface WebhookMessage {
  /** The same for every attempt and every endpoint, and unique. */
  readonly id: string
  readonly type: string
  readonly roomId: string
  readonly seq: number
  /** The JSON text that is signed and sent. */
  readonly body: string
}

/** Standard Webhooks asks for bodies below 20 kB. */
const BODY_MAX = 20_000
/** Bytes of user ids in one message. */
const IDS_MAX = 4_000

/** The messages of one event, of the wanted types: one for the event itself, and one for each user for whom the ringing begins or ends. */
export function messagesOf(source: DeliveredUpdate, wanted: ReadonlySet<string>): readonly WebhookMessage[] {
  const { update } = source
  if (update.type === 'snapshot') return []
  const own = webhookTypeOf(update.type)
  const messages = wanted.has(own)
    ? [messageOf(update, { id: idOf(update), type: own, extra: subjectsOf(update) })]
    : []
  for (const [index, { type: change, callee, deadline }] of ringChangesBy(source).entries()) {
    const type = `call.${change}`
    if (!wanted.has(type)) continue
    const call = callJson(update.room, callee, deadline)
    messages.push(messageOf(update, { id: `${idOf(update)}_call${index}`, type, extra: { call } }))
  }
  return messages
}

const idOf = ({ room, seq }: RoomUpdate): string => `evt_${room.id.replaceAll('-', '')}_${seq}`

function messageOf(
  { room, seq, at, actorId }: RoomUpdate,
  { id, type, extra }: { id: string; type: string; extra: object },
): WebhookMessage {
  const data = { roomId: room.id, seq, actorId, room: roomJson(room, at), ...extra }
  const envelope = { type, timestamp: at.toISOString() }
  let body = JSON.stringify({ ...envelope, data })
  if (Buffer.byteLength(body) > BODY_MAX) {
    body = JSON.stringify({ ...envelope, data: { ...data, room: { ...data.room, metadata: null }, truncated: true } })
  }
  return { id, type, roomId: room.id, seq, body }
}

/** The participant that the event concerns, or the ids of several. */
function subjectsOf({ type, participant, participantIds, room, at }: RoomUpdate): object {
  if (participant) return { participant: participantJson(participant, at) }
  const ids = type === 'room_created' ? Array.from(room.participants, ({ userId }) => userId) : participantIds
  return ids.length === 0 ? {} : { participantIds: firstOf(ids), participantCount: ids.length }
}

/** As many ids as a message may have. */
function firstOf(ids: readonly string[]): string[] {
  let bytes = 0
  const first: string[] = []
  for (const id of ids) {
    bytes += Buffer.byteLength(JSON.stringify(id)) + 1
    if (bytes > IDS_MAX) break
    first.push(id)
  }
  return first
}

const callJson = (room: Room, callee: Participant, deadline: Date | null) => ({
  callId: room.id,
  callerId: room.callerId,
  calleeId: callee.userId,
  mediaType: room.mediaType,
  deadline: deadline?.toISOString() ?? null,
  /** How far the ring got. */
  reach: callee.reach,
  /** The device that answered. */
  deviceId: callee.state === 'joined' ? callee.deviceId : null,
})
