import { ACTIONS } from '../limits/rate-table.ts'
import type { RateSpending } from '../limits/rates.ts'

/** A notice for the subscribers of another node's live streams. */
export type StreamNotice =
  /** The room's log has reached event number `seq`. */
  | { readonly kind: 'room'; readonly roomId: string; readonly seq: number }
  /** The room has started or stopped ringing for the user. */
  | { readonly kind: 'ringing'; readonly roomId: string; readonly userId: string }
  /** A signal for the user was stored. */
  | { readonly kind: 'signal'; readonly roomId: string; readonly userId: string }

/**
 * A message from one node to the others. A stream notice is only a hint that the database may contain something new: a
 * lost notice causes a delay, a duplicate has no effect.
 */
export type Notice =
  | StreamNotice
  /** Events were committed. For the node that delivers the log to a destination. */
  | { readonly kind: 'log' }
  /** A user has used part of a rate. */
  | ({ readonly kind: 'spending' } & RateSpending)
  | ConnectionNotice
  /** The log of a room was rewritten because a user's data was erased. */
  | { readonly kind: 'rewritten'; readonly roomId: string }

/** Asks every node for a user's connections, or answers with those of one node. */
export type ConnectionNotice =
  | {
      readonly kind: 'connections'
      /** Unique; the answers repeat it. */
      readonly requestId: string
      readonly userId: string
      /** Close the connections. */
      readonly disconnect: boolean
    }
  | {
      readonly kind: 'connected'
      readonly requestId: string
      readonly nodeId: string
      readonly connections: readonly ReportedConnection[]
    }

/** Stands for the user of a notice for all participants of the room. Not a valid user id. */
export const EVERYBODY = ''

/** The topic of notices that concern every node. */
export const EVERY_NODE = 'all'
/** The topic of notices that the log has grown, in any room. */
export const LOG_TOPIC = 'log'
/** The topic of notices about a room. */
export const roomTopic = (roomId: string): string => `room.${roomId}`
/** The topic of notices about a user. An id may contain any characters, a subject of a bus only some. */
export const userTopic = (userId: string): string => `user.${Buffer.from(userId).toString('base64url')}`

/** The topic of a notice: the nodes that watch it must receive the notice. */
export function topicOf(notice: Notice): string {
  if (notice.kind === 'room' || notice.kind === 'signal') return roomTopic(notice.roomId)
  if (notice.kind === 'ringing' && notice.userId !== EVERYBODY) return userTopic(notice.userId)
  return notice.kind === 'log' ? LOG_TOPIC : EVERY_NODE
}

/** A connection as reported to another node. */
export type ReportedConnection = readonly [kind: string, openedAt: number]

/** The notices to be sent, merged by subject. */
export class PendingNotices {
  readonly #limit: number
  readonly #notices = new Map<string, Notice>()

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#notices.size
  }

  /** Adds a notice. Beyond the limit the oldest notice is dropped; the checks of the other nodes make up for it. */
  put(notice: Notice): void {
    const key = keyOf(notice)
    const known = this.#notices.get(key)
    if (known?.kind === 'room' && notice.kind === 'room' && known.seq >= notice.seq) return
    const isSum = known?.kind === 'spending' && notice.kind === 'spending'
    this.#notices.set(key, isSum ? { ...notice, cost: known.cost + notice.cost } : notice)
    if (this.#notices.size <= this.#limit) return
    for (const oldest of this.#notices.keys()) {
      this.#notices.delete(oldest)
      break
    }
  }

  /** Removes and returns all pending notices. */
  takeAll(): Notice[] {
    const notices = [...this.#notices.values()]
    this.#notices.clear()
    return notices
  }
}

function keyOf(notice: Notice): string {
  // The most frequent kind. No other key is an id alone.
  if (notice.kind === 'room') return notice.roomId
  if (notice.kind === 'log') return notice.kind
  if (notice.kind === 'spending') return `spending:${notice.action}:${notice.key}`
  if (notice.kind === 'rewritten') return `rewritten:${notice.roomId}`
  if (notice.kind === 'connections' || notice.kind === 'connected') return `${notice.kind}:${notice.requestId}`
  return `${notice.kind}:${notice.roomId}:${notice.userId}`
}

/**
 * The payload of a notification is shorter than 8000 bytes.
 *
 * @see https://www.postgresql.org/docs/18/sql-notify.html
 */
const PAYLOAD_LIMIT = 7999

/** Encodes notices as the payloads of as few notifications as possible, each with the id of the sending node. */
export function encodeNotices(nodeId: string, notices: readonly Notice[]): string[] {
  const payloads: string[] = []
  const head = headOf(nodeId)
  let payload = head
  let bytes = head.length
  for (const notice of notices) {
    const item = `,${JSON.stringify(toTuple(notice))}`
    const size = Buffer.byteLength(item)
    if (bytes + size + 1 > PAYLOAD_LIMIT) {
      payloads.push(`${payload}]`)
      payload = head
      bytes = head.length
    }
    payload += item
    bytes += size
  }
  if (payload !== head) payloads.push(`${payload}]`)
  return payloads
}

/** How every payload of a node begins. */
const headOf = (nodeId: string): string => `["${nodeId}"`

/** Whether {@link encodeNotices} of this node made the payload; costs less than decoding the payload. */
export const isFrom = (nodeId: string, payload: string): boolean => payload.startsWith(headOf(nodeId))

/** Encodes a single notice as a payload. */
export const encodeNotice = (nodeId: string, notice: Notice): string => JSON.stringify([nodeId, toTuple(notice)])

/** Decodes a payload to its sender and notices; null if no gateway sent the payload. */
export function decodeNotices(payload: string): { nodeId: string; notices: readonly Notice[] } | null {
  try {
    const [nodeId, ...tuples] = JSON.parse(payload) as [unknown, ...unknown[]]
    if (typeof nodeId !== 'string') return null
    return { nodeId, notices: tuples.flatMap((tuple) => fromTuple(tuple) ?? []) }
  } catch {
    return null
  }
}

type Tuple =
  | readonly ['l', '']
  | readonly ['r', roomId: string, seq: number]
  | readonly ['c' | 's', roomId: string, userId: string]
  | readonly ['x', action: string, key: string, cost: number]
  | readonly ['w', roomId: string]
  | readonly ['q', requestId: string, userId: string, disconnect: 0 | 1]
  | readonly ['a', requestId: string, nodeId: string, connections: readonly ReportedConnection[]]

/** First element of the tuple of a notice about a user in a room. */
const CODES = { ringing: 'c', signal: 's' } as const

function toTuple(notice: Notice): Tuple {
  if (notice.kind === 'room') return ['r', notice.roomId, notice.seq]
  if (notice.kind === 'log') return ['l', '']
  if (notice.kind === 'spending') return ['x', notice.action, notice.key, notice.cost]
  if (notice.kind === 'rewritten') return ['w', notice.roomId]
  if (notice.kind === 'connections') return ['q', notice.requestId, notice.userId, notice.disconnect ? 1 : 0]
  if (notice.kind === 'connected') return ['a', notice.requestId, notice.nodeId, notice.connections]
  return [CODES[notice.kind], notice.roomId, notice.userId]
}

/** Decodes one notice; null if its kind is unknown, as it may be during a rolling upgrade. */
function fromTuple(tuple: unknown): Notice | null {
  if (!Array.isArray(tuple)) return null
  const [kind, roomId, about, cost] = tuple as unknown[]
  if (typeof roomId !== 'string') return null
  if (kind === 'l') return { kind: 'log' }
  if (kind === 'x') return toSpending(roomId, about, cost)
  if (kind === 'w') return { kind: 'rewritten', roomId }
  if (kind === 'q' || kind === 'a') return toConnections(kind, roomId, about, cost)
  if (kind === 'r' && typeof about === 'number') return { kind: 'room', roomId, seq: about }
  if (kind === 'c' && typeof about === 'string') return { kind: 'ringing', roomId, userId: about }
  if (kind === 's' && typeof about === 'string') return { kind: 'signal', roomId, userId: about }
  return null
}

function toSpending(action: string, key: unknown, cost: unknown): Notice | null {
  const known = ACTIONS.find((name) => name === action)
  if (!known || typeof key !== 'string' || typeof cost !== 'number' || !(cost > 0)) return null
  return { kind: 'spending', action: known, key, cost }
}

function toConnections(kind: 'q' | 'a', requestId: string, about: unknown, rest: unknown): Notice | null {
  if (typeof about !== 'string') return null
  if (kind === 'q') return { kind: 'connections', requestId, userId: about, disconnect: rest === 1 }
  if (!Array.isArray(rest)) return null
  return { kind: 'connected', requestId, nodeId: about, connections: rest.filter(isReportedConnection) }
}

const isReportedConnection = (value: unknown): value is ReportedConnection =>
  Array.isArray(value) && typeof value[0] === 'string' && typeof value[1] === 'number'
