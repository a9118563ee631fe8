export interface ConnectionLimits {
  /** Open connections in all, those of signed-in users included. */
  readonly max: number
  /** Open connections of one address on which no user has signed in. */
  readonly maxPerAddress: number
}

/**
 * Counts connections. A newcomer above a limit takes the place of the connection for whose peer the server has waited
 * longest: peers that hold connections and send nothing lose them first, and a peer that talks is served. A newcomer is
 * refused only while the server is at work for every other connection.
 */
export class ConnectionTable {
  readonly #limits: ConnectionLimits
  readonly #open = new Set<ConnectionEntry>()
  readonly #waiting = new Set<ConnectionEntry>()
  readonly #byAddress = new Map<string, Set<ConnectionEntry>>()

  constructor(limits: ConnectionLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#open.size
  }

  /**
   * @param address - undefined for a proxy, which has no limit of its own
   * @param destroy - closes the connection, which must then call `gone`
   * @returns undefined when there is no room
   */
  add(address: string | undefined, destroy: () => void): ConnectionEntry | undefined {
    if (address !== undefined && !this.#makeRoomAt(address)) return undefined
    if (this.#open.size >= this.#limits.max && !closeFirst(this.#waiting)) return undefined
    const entry = new ConnectionEntry({ open: this.#open, waiting: this.#waiting, byAddress: this.#byAddress, destroy })
    if (address !== undefined) entry.countAt(address)
    return entry
  }

  /** Moves a proxy's connection that belongs to one client to this client's address. False when there is no room. */
  move(entry: ConnectionEntry, address: string): boolean {
    if (!this.#makeRoomAt(address)) return false
    entry.countAt(address)
    return true
  }

  /** Closes what serves HTTP; with `idle` only connections without a request in work. */
  destroyHttp({ idle }: { idle: boolean }): void {
    for (const entry of this.#open) if (!entry.upgraded && !(idle && entry.serving)) entry.destroy()
  }

  #makeRoomAt(address: string): boolean {
    const neighbours = this.#byAddress.get(address)
    return !neighbours || neighbours.size < this.#limits.maxPerAddress || closeFirst(neighbours)
  }
}

interface TableIndexes {
  readonly open: Set<ConnectionEntry>
  /** In the order in which the waiting began. */
  readonly waiting: Set<ConnectionEntry>
  /** Those on which no user has signed in; the waiting ones in that order. */
  readonly byAddress: Map<string, Set<ConnectionEntry>>
  readonly destroy: () => void
}

/** One open connection. */
export class ConnectionEntry {
  /** A request has begun and is not answered yet. */
  serving = false
  /** It speaks another protocol than HTTP now. */
  upgraded = false
  readonly #in: TableIndexes
  #address: string | undefined

  constructor(membership: TableIndexes) {
    this.#in = membership
    membership.open.add(this)
    membership.waiting.add(this)
  }

  get waiting(): boolean {
    return this.#in.waiting.has(this)
  }

  /** From now on the server waits for the peer: for a request, for the rest of one, or to take an answer. */
  waits(): void {
    if (!this.#in.open.has(this)) return
    moveToEnd(this.#in.waiting, this)
    if (this.#address !== undefined) this.countAt(this.#address)
  }

  /** The peer waits for the server: the connection is not closed to make room. */
  works(): void {
    this.#in.waiting.delete(this)
  }

  /** A user has signed in: the bounds per user apply from now on, no longer those of the address. */
  signsIn(): void {
    this.#in.waiting.delete(this)
    this.#leaveAddress()
  }

  countAt(address: string): void {
    this.#leaveAddress()
    this.#address = address
    const neighbours = this.#in.byAddress.get(address) ?? new Set()
    this.#in.byAddress.set(address, neighbours.add(this))
  }

  destroy(): void {
    this.#in.destroy()
  }

  gone(): void {
    this.#in.open.delete(this)
    this.#in.waiting.delete(this)
    this.#leaveAddress()
  }

  #leaveAddress(): void {
    if (this.#address === undefined) return
    const neighbours = this.#in.byAddress.get(this.#address)
    neighbours?.delete(this)
    if (neighbours?.size === 0) this.#in.byAddress.delete(this.#address)
    this.#address = undefined
  }
}

function moveToEnd<T>(set: Set<T>, item: T): void {
  set.delete(item)
  set.add(item)
}

function closeFirst(connections: Iterable<ConnectionEntry>): boolean {
  for (const entry of connections) {
    if (!entry.waiting) continue
    entry.destroy()
    entry.gone()
    return true
  }
  return false
}
