/**
 * What one node tells the others: that there is something to read in the database. A notice is a hint, never the truth;
 * one that is lost costs time, one that comes twice costs nothing.
 */
export type Notice =
  /** The room's log has reached event number `seq`. */
  | { readonly kind: 'room'; readonly roomId: string; readonly seq: number }
  /** The room has begun or ceased to ring for the user. */
  | { readonly kind: 'ringing'; readonly roomId: string; readonly userId: string }
  /** There is a signal for the user. */
  | { readonly kind: 'signal'; readonly roomId: string; readonly userId: string }

/** Notices that wait to be sent: of those about the same thing, one. */
export class NoticeBoard {
  readonly #limit: number
  readonly #notices = new Map<string, Notice>()

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#notices.size
  }

  /** Over the limit the oldest goes: the others will find out by themselves. */
  put(notice: Notice): void {
    const key = `${notice.kind}:${notice.roomId}:${notice.kind === 'room' ? '' : notice.userId}`
    const known = this.#notices.get(key)
    if (known?.kind === 'room' && notice.kind === 'room' && known.seq >= notice.seq) return
    this.#notices.set(key, notice)
    if (this.#notices.size <= this.#limit) return
    for (const oldest of this.#notices.keys()) {
      this.#notices.delete(oldest)
      break
    }
  }

  /** Everything that waits; nothing waits any more. */
  takeAll(): Notice[] {
    const notices = [...this.#notices.values()]
    this.#notices.clear()
    return notices
  }
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

/** Which node a payload comes from, and what it says; null for what no gateway has written. */
export function decodeNotices(payload: string): { nodeId: string; notices: readonly Notice[] } | null {
  try {
    const [nodeId, ...tuples] = JSON.parse(payload) as [unknown, ...unknown[]]
    if (typeof nodeId !== 'string') return null
    return { nodeId, notices: tuples.flatMap((tuple) => fromTuple(tuple) ?? []) }
  } catch {
    return null
  }
}

type Tuple = readonly ['r', roomId: string, seq: number] | readonly ['c' | 's', roomId: string, userId: string]

function toTuple(notice: Notice): Tuple {
  if (notice.kind === 'room') return ['r', notice.roomId, notice.seq]
  return [notice.kind === 'ringing' ? 'c' : 's', notice.roomId, notice.userId]
}

/** Kinds that a newer version sends are passed over. */
function fromTuple(tuple: unknown): Notice | null {
  if (!Array.isArray(tuple)) return null
  const [kind, roomId, about] = tuple as unknown[]
  if (typeof roomId !== 'string') return null
  if (kind === 'r' && typeof about === 'number') return { kind: 'room', roomId, seq: about }
  if (kind === 'c' && typeof about === 'string') return { kind: 'ringing', roomId, userId: about }
  if (kind === 's' && typeof about === 'string') return { kind: 'signal', roomId, userId: about }
  return null
}
