import { ACTIONS } from '../limits/rate-table.ts'
import type { RateSpending } from '../limits/rates.ts'

/** A notice for the subscribers of another node's live streams. */
export type StreamNotice =
  /** The room's log has reached event number `seq`. */
  | { readonly kind: 'room'; readonly roomId: string; readonly seq: number }
  /** The room has begun or ceased to ring for the user. */
  | { readonly kind: 'ringing'; readonly roomId: string; readonly userId: string }
  /** There is a signal for the user. */
  | { readonly kind: 'signal'; readonly roomId: string; readonly userId: string }

/**
 * What one node tells the others. A notice of a stream is a hint that there is something to read in the database, never
 * the truth: one that is lost costs time, one that comes twice costs nothing.
 */
export type Notice =
  | StreamNotice
  /** A user has spent so much of a rate. */
  | ({ readonly kind: 'spending' } & RateSpending)

/** Notices to be sent, merged by what they are about. */
export class PendingNotices {
  readonly #limit: number
  readonly #notices = new Map<string, Notice>()

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#notices.size
  }

  /** Over the limit the oldest is dropped: the other nodes' checks find what it was about. */
  put(notice: Notice): void {
    const key = keyOf(notice)
    const known = this.#notices.get(key)
    if (known?.kind === 'room' && notice.kind === 'room' && known.seq >= notice.seq) return
    const isMore = known?.kind === 'spending' && notice.kind === 'spending'
    this.#notices.set(key, isMore ? { ...notice, cost: known.cost + notice.cost } : notice)
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
  if (notice.kind === 'room') return `room:${notice.roomId}`
  if (notice.kind === 'spending') return `spending:${notice.action}:${notice.key}`
  return `${notice.kind}:${notice.roomId}:${notice.userId}`
}

/**
 * The payload of a notification is shorter than 8000 bytes.
 *
 * @see https://www.postgresql.org/docs/18/sql-notify.html
 */
const PAYLOAD_LIMIT = 7999

/** Notices as the payloads of as few notifications as they fit in, marked with the node that they come from. */
export function encodeNotices(nodeId: string, notices: readonly Notice[]): string[] {
  const payloads: string[] = []
  const head = `["${nodeId}"`
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

/** The sender and the notices of a payload; null for a payload that is not of a gateway. */
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
  | readonly ['r', roomId: string, seq: number]
  | readonly ['c' | 's', roomId: string, userId: string]
  | readonly ['x', action: string, key: string, cost: number]

/** First element of the tuple of a notice about a user in a room. */
const CODES = { ringing: 'c', signal: 's' } as const

function toTuple(notice: Notice): Tuple {
  if (notice.kind === 'room') return ['r', notice.roomId, notice.seq]
  if (notice.kind === 'spending') return ['x', notice.action, notice.key, notice.cost]
  return [CODES[notice.kind], notice.roomId, notice.userId]
}

/** Ignores kinds that only a newer version knows. */
function fromTuple(tuple: unknown): Notice | null {
  if (!Array.isArray(tuple)) return null
  const [kind, roomId, about, cost] = tuple as unknown[]
  if (typeof roomId !== 'string') return null
  if (kind === 'x') return toSpending(roomId, about, cost)
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
