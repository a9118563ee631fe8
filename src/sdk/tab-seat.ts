import { randomId } from './random-id.ts'

/** A client's part in a seat that several clients of one tab may want: they share the device, and the device has one seat. */
export interface SeatHolder {
  readonly session: Session
  /** Another client of this tab has the seat now. */
  superseded(): void
  /** Takes the seat again, because the client that took it over could not use it. Must not throw. */
  reclaim(): Promise<void>
}

/** A join that is not a repeat, until the leave. */
export interface Session {
  /** Made here, so that the gateway knows a repeat of the join, and to whom a leave belongs. */
  readonly id: string
  readonly seat: TabSeat
  /** Among the clients of this tab; the latest holds the seat. */
  readonly order: number
}

export interface SeatKey {
  readonly url: string
  readonly uid: string
  readonly roomId: string
  readonly deviceId: string
}

/**
 * One room's seat of this tab. Joins and leaves of its clients are sent one after the other, so that the gateway sees
 * them in the order in which they were called. A client keeps the seat until a later one is in the room with its media,
 * and takes it back if that one fails.
 */
export class TabSeat {
  readonly #onEmpty: () => void
  readonly #sessions = new Set<string>()
  #tail: Promise<unknown> = Promise.resolve()
  #holder: SeatHolder | undefined
  #order = 0
  #clients = 0

  /** @param onEmpty - called when no client of the tab is in the room any more */
  constructor(onEmpty: () => void) {
    this.#onEmpty = onEmpty
  }

  /** Runs the request when those before it are answered. */
  async request<T>(send: () => Promise<T>): Promise<T> {
    const answer = this.#tail.then(send)
    this.#tail = answer.catch(() => undefined)
    return answer
  }

  /** A client begins to join. Its part ends with `release`. */
  beginSession(): Session {
    const id = randomId()
    this.#sessions.add(id)
    this.#clients += 1
    this.#order += 1
    return { id, seat: this, order: this.#order }
  }

  /** A client has left the room, or did not get in. */
  release(holder?: SeatHolder): void {
    if (holder && this.#holder === holder) this.#holder = undefined
    this.#clients -= 1
    if (this.#clients === 0) this.#onEmpty()
  }

  /** Whether a session belongs to a client of this tab. */
  isOwnSession(sessionId: string | null): boolean {
    return sessionId !== null && this.#sessions.has(sessionId)
  }

  /** The holder is in the room: an earlier one is superseded, or it itself by a later one. */
  assign(holder: SeatHolder): void {
    const previous = this.#holder
    if (previous && previous.session.order > holder.session.order) {
      holder.superseded()
      return
    }
    this.#holder = holder
    previous?.superseded()
  }

  /** Gives the seat back after a join that failed; false when there is nobody to have it. */
  async returnToHolder(): Promise<boolean> {
    const holder = this.#holder
    await holder?.reclaim()
    return holder !== undefined
  }
}

const REGISTRY = Symbol.for('openchat.rtc.seats')

/** Begins a session of a seat, the same one whichever copy of this module asks: hot reloading evaluates modules again. */
export function beginSession({ url, uid, roomId, deviceId }: SeatKey): Session {
  const shared = globalThis as { [REGISTRY]?: Map<string, TabSeat> }
  const seats = (shared[REGISTRY] ??= new Map())
  const key = JSON.stringify([url, uid, roomId, deviceId])
  const seat = seats.get(key) ?? new TabSeat(() => seats.delete(key))
  seats.set(key, seat)
  return seat.beginSession()
}
