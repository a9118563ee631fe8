export interface ConnectionLimits {
  /** Total open connections, including those of signed-in users. */
  readonly max: number
  /** Open connections per address on which no user has signed in. */
  readonly maxPerAddress: number
}

/**
 * Limits open connections. Over a limit, a new connection evicts the one whose peer has kept the server waiting longest,
 * so idle peers lose connections before active ones. A new connection is refused only if the server is working for every
 * other connection.
 */
export class ConnectionTable {
  readonly #limits: ConnectionLimits
  readonly #indexes: TableIndexes = { open: new Set(), waiting: new Set(), byAddress: new Map() }

  constructor(limits: ConnectionLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#indexes.open.size
  }

  /**
   * @param address - undefined for a proxy, which has no limit per address
   * @param connection - its close event must call `remove`
   * @returns undefined if the connection is refused
   */
  add(address: string | undefined, connection: Destroyable): ConnectionEntry | undefined {
    if (address !== undefined && !this.#makeRoomAt(address)) return undefined
    const { open, waiting } = this.#indexes
    if (open.size >= this.#limits.max && !evictFirstWaiting(waiting)) return undefined
    const entry = new ConnectionEntry(this.#indexes, connection)
    if (address !== undefined) entry.countAt(address)
    return entry
  }

  /** Counts a proxy's connection against its client's address, after an upgrade. False if the address is at its limit. */
  move(entry: ConnectionEntry, address: string): boolean {
    if (!this.#makeRoomAt(address)) return false
    entry.countAt(address)
    return true
  }

  /** Closes HTTP connections but not upgraded ones; with `idle` only those without a request in flight. */
  destroyHttp({ idle }: { idle: boolean }): void {
    for (const entry of this.#indexes.open) if (!entry.upgraded && !(idle && entry.serving)) entry.destroy()
  }

  #makeRoomAt(address: string): boolean {
    const neighbours = this.#indexes.byAddress.get(address)
    return !neighbours || neighbours.size < this.#limits.maxPerAddress || evictFirstWaiting(neighbours)
  }
}

interface TableIndexes {
  readonly open: Set<ConnectionEntry>
  /** Connections whose peer the server is waiting for, longest first. */
  readonly waiting: Set<ConnectionEntry>
  /** Connections without a signed-in user; the waiting ones are in the same order as in `waiting`. */
  readonly byAddress: Map<string, Set<ConnectionEntry>>
}

/** A connection that can be closed. */
export interface Destroyable {
  destroy(): unknown
}

/** One open connection. */
export class ConnectionEntry {
  /** A request is in flight. */
  serving = false
  /** The connection has switched from HTTP to another protocol. */
  upgraded = false
  readonly #indexes: TableIndexes
  readonly #connection: Destroyable
  #address: string | undefined

  constructor(indexes: TableIndexes, connection: Destroyable) {
    this.#indexes = indexes
    this.#connection = connection
    indexes.open.add(this)
    indexes.waiting.add(this)
  }

  get waiting(): boolean {
    return this.#indexes.waiting.has(this)
  }

  /** The server now waits for the peer to send a request or the rest of one, or to receive a response. */
  markWaiting(): void {
    if (!this.#indexes.open.has(this)) return
    moveToEnd(this.#indexes.waiting, this)
    if (this.#address !== undefined) this.countAt(this.#address)
  }

  /** The peer now waits for the server; the connection is not evicted. */
  markWorking(): void {
    this.#indexes.waiting.delete(this)
  }

  /** A user has signed in: the limits per user replace those per address, and the connection is not evicted. */
  markSignedIn(): void {
    this.#indexes.waiting.delete(this)
    this.#leaveAddress()
  }

  countAt(address: string): void {
    this.#leaveAddress()
    this.#address = address
    const neighbours = this.#indexes.byAddress.get(address) ?? new Set()
    this.#indexes.byAddress.set(address, neighbours.add(this))
  }

  destroy(): void {
    this.#connection.destroy()
  }

  remove(): void {
    this.#indexes.open.delete(this)
    this.#indexes.waiting.delete(this)
    this.#leaveAddress()
  }

  #leaveAddress(): void {
    if (this.#address === undefined) return
    const neighbours = this.#indexes.byAddress.get(this.#address)
    neighbours?.delete(this)
    if (neighbours?.size === 0) this.#indexes.byAddress.delete(this.#address)
    this.#address = undefined
  }
}

function moveToEnd<T>(set: Set<T>, item: T): void {
  set.delete(item)
  set.add(item)
}

/** Closes the connection whose peer the server has waited for longest. False if none is waiting. */
function evictFirstWaiting(connections: Iterable<ConnectionEntry>): boolean {
  for (const entry of connections) {
    if (!entry.waiting) continue
    entry.destroy()
    entry.remove()
    return true
  }
  return false
}
