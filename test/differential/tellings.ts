import type pg from 'pg'
import type { Update } from '../faults/crowd.ts'
import type { ReceivedRequest } from '../webhooks/endpoint-server.ts'
import type { StoredMessage } from '../wukongim/double.ts'

/** One event, as each of the tellings says it. */
export interface Told {
  readonly seq: number
  readonly type: string
  readonly at: string
  readonly actorId: string | null
  readonly subjectId: string | null
  /** Of the subject, as of the event. */
  readonly state: string | null
  readonly status: string
  readonly endReason: string | null
}

/** The parts of an event that history has. */
export type Listed = Pick<Told, 'seq' | 'type' | 'at' | 'actorId' | 'subjectId'>

export type Query = (sql: string, values?: unknown[]) => Promise<Pick<pg.QueryResult, 'rows'>>

interface Row {
  readonly roomId: string
  readonly seq: number
  readonly type: string
  readonly at: Date
  readonly actorId: string | null
  readonly subjectId: string | null
  readonly data: {
    readonly room?: { readonly status?: string; readonly endReason?: string | null }
    readonly participants?: readonly { readonly userId: string; readonly state: string }[]
  }
}

/** What the log says, by room: the events with the state that they fold to. */
export async function readLog(query: Query): Promise<ReadonlyMap<string, readonly Told[]>> {
  const { rows } = await query(
    `SELECT "roomId"::text, "seq", lower("type"::text) AS type, "at", "actorId", "subjectId", "data"
       FROM "RoomEvent" ORDER BY "roomId", "seq"`,
  )
  const told = new Map<string, Told[]>()
  const states = new Map<string, string>()
  for (const { roomId, data, at, seq, type, actorId, subjectId } of rows as Row[]) {
    const events = told.get(roomId) ?? []
    told.set(roomId, events)
    for (const { userId, state } of data.participants ?? []) states.set(`${roomId} ${userId}`, state.toLowerCase())
    const before = events.at(-1)
    events.push({
      seq,
      type,
      at: at.toISOString(),
      actorId,
      subjectId,
      state: (subjectId !== null && states.get(`${roomId} ${subjectId}`)) || null,
      status: (data.room?.status ?? before?.status ?? '').toLowerCase(),
      endReason: (data.room?.endReason ?? before?.endReason ?? null)?.toLowerCase() ?? null,
    })
  }
  return told
}

/** What the stream of GraphQL has said. */
export const ofStream = (updates: readonly Update[]): readonly Told[] =>
  updates.map(({ seq, type, at, actorId, participant, room }) => ({
    seq,
    type: type.toLowerCase(),
    at,
    actorId,
    subjectId: participant?.userId ?? null,
    state: participant?.state.toLowerCase() ?? null,
    status: room.status.toLowerCase(),
    endReason: room.endReason?.toLowerCase() ?? null,
  }))

/** The webhooks of a room that were accepted, each once, in the order of their first acceptance. */
export function webhooksOf(accepted: readonly ReceivedRequest[]): ReadonlyMap<string, WebhookTelling> {
  const seen = new Set<string>()
  const told = new Map<string, { events: Told[]; types: string[] }>()
  for (const { headers, message } of accepted) {
    const id = String(headers['webhook-id'])
    if (seen.has(id)) continue
    seen.add(id)
    const { type, timestamp, data } = message
    const room = told.get(data.roomId) ?? { events: [], types: [] }
    told.set(data.roomId, room)
    room.types.push(type)
    if (type.startsWith('call.')) continue
    room.events.push({
      seq: data.seq,
      type: type.replace('.', '_'),
      at: timestamp,
      actorId: data.actorId,
      subjectId: data.participant?.userId ?? null,
      state: data.participant?.state ?? null,
      status: data.room.status,
      endReason: data.room.endReason,
    })
  }
  return told
}

export interface WebhookTelling {
  readonly events: readonly Told[]
  /** Of all messages, those about calls included. */
  readonly types: readonly string[]
}

/** A room of the list of a user's rooms. */
export interface ListedRoom {
  readonly id: string
  readonly type: 'p2p' | 'group'
  readonly mediaType: 'audio' | 'video'
  readonly callerId: string
  readonly calleeId: string | null
  readonly seq: number
  readonly status: string
  readonly endReason: string
  readonly duration: number | null
}

/** The messages to WukongIM that follow from what history and the webhooks say. */
export function expectedMessages(
  room: ListedRoom,
  events: readonly Listed[],
  types: readonly string[],
): readonly string[] {
  return room.type === 'p2p' ? messagesOfCall(room, events, types) : messagesOfGroup(events, types)
}

const RESULTS: Readonly<Record<string, number>> = { rejected: 3, busy: 3, cancelled: 0, failed: 0, missed: 2 }

function messagesOfCall(room: ListedRoom, events: readonly Listed[], types: readonly string[]): readonly string[] {
  const { callerId, calleeId, seq, duration, endReason } = room
  const from = (userId: string | null | undefined, name: string) => `${userId} ${name}`
  // Whoever was disconnected for too long has left without ending the call.
  const by = events.at(-1)?.actorId ?? events.findLast(({ type }) => type === 'participant_left')?.subjectId
  const ends: Readonly<Record<string, readonly string[]>> = {
    rejected: [from(calleeId, 'refuse')],
    busy: [from(calleeId, 'refuse')],
    cancelled: [from(callerId, 'cancel')],
    missed: [from(callerId, 'cancel'), from(calleeId, 'hangup')],
    failed: [from(callerId, 'cancel'), from(calleeId, 'hangup')],
  }
  const result = duration === null ? RESULTS[endReason] : 1
  return [
    ...(types.includes('call.ringing') ? [from(callerId, 'invoke')] : []),
    ...(types.includes('call.answered') ? [from(calleeId, 'accept')] : []),
    ...(duration === null ? (ends[endReason] ?? ['unknown']) : [from(by, `hangup ${duration}`)]),
    from(callerId, `record ${result} ${duration ?? 0} ${room.mediaType} #${seq}`),
  ]
}

const TOLD_OF_GROUPS: Readonly<Record<string, string>> = {
  participant_rejected: 'refuse',
  participant_missed: 'refuse',
  participant_left: 'hangup',
  participant_removed: 'hangup',
}

function messagesOfGroup(events: readonly Listed[], types: readonly string[]): readonly string[] {
  const rings = types.includes('call.ringing') ? [`${events[0]?.actorId} invoke`] : []
  const joined = new Set(events.filter(({ type }) => type === 'participant_joined').map(({ subjectId }) => subjectId))
  const departures = events.flatMap(({ type, subjectId }) => {
    const name = type === 'participant_left' && !joined.has(subjectId) ? 'refuse' : TOLD_OF_GROUPS[type]
    return name === undefined ? [] : [`${subjectId} ${name}`]
  })
  // The host hangs up if nobody has ended the group. With nobody there, nobody is told.
  const end = isEmptyAtEnd(events) ? [] : [`${events.at(-1)?.actorId ?? events[0]?.actorId} hangup`]
  return [...rings, ...departures, ...end]
}

/** Whether nobody was in the group and nobody was called when it ended; two users were invited to it. */
export function isEmptyAtEnd(events: readonly Listed[]): boolean {
  const changes: Readonly<Record<string, number>> = { participant_joined: 1, ...DEPARTURES }
  const last = new Map(
    events.filter(({ type }) => type in changes).map(({ type, subjectId }) => [subjectId, changes[type] ?? 0]),
  )
  const joined = [...last.values()].filter((change) => change > 0).length
  const gone = last.size - joined
  return joined === 0 && gone >= 2
}

const DEPARTURES = { participant_rejected: 0, participant_missed: 0, participant_left: 0, participant_removed: 0 }

/** The messages that WukongIM has stored about a room, in the same words. */
export const messagesInWords = (stored: readonly StoredMessage[]): readonly string[] =>
  stored.map(({ clientMsgNo, from, payload }) => {
    const { cmd, param } = payload
    if (cmd === undefined) {
      const media = payload['call_type'] === 1 ? 'video' : 'audio'
      const seq = clientMsgNo.split('-').at(-1)
      return `${from} record ${String(payload['result_type'])} ${String(payload['second'])} ${media} #${seq}`
    }
    const name = cmd.split('.').at(-1) ?? ''
    const isOfActiveCall = cmd === 'rtc.p2p.hangup' && param?.['uid'] === from && param['second'] !== undefined
    const hasOther = stored.some((other) => other.payload.cmd === 'rtc.p2p.cancel')
    return isOfActiveCall && !hasOther ? `${from} ${name} ${String(param['second'])}` : `${from} ${name}`
  })
