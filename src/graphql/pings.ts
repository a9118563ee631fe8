import type { Timeouts } from '../core/timeouts.ts'

/** A socket as it is pinged. */
export interface PingedSocket {
  readonly isPaused: boolean
  ping(): void
  terminate(): void
}

/** Groups of sockets that are pinged one after the other within the interval. */
const GROUPS = 25

/**
 * Pings every socket in intervals of `socketPing`, and terminates a half-open connection within `socketPing` plus
 * `socketPong` milliseconds. While reading is paused, no pong is expected. All sockets share one timer.
 */
export class Pings {
  readonly #timeouts: Timeouts
  readonly #groups = Array.from({ length: GROUPS }, () => new Set<PingedSocket>())
  /** The sockets that have not answered yet, each with the time at which it is terminated; the earliest is first. */
  readonly #unanswered = new Map<PingedSocket, number>()
  /** The group that was pinged last. A new socket joins it, so its first ping is a whole interval later. */
  #last = 0
  #timer: NodeJS.Timeout | undefined

  constructor(timeouts: Timeouts) {
    this.#timeouts = timeouts
  }

  add(socket: PingedSocket): void {
    this.#groups[this.#last]?.add(socket)
    this.#timer ??= setInterval(() => this.#turn(), this.#timeouts.socketPing / GROUPS)
  }

  /** Called with each pong. */
  answered(socket: PingedSocket): void {
    this.#unanswered.delete(socket)
  }

  remove(socket: PingedSocket): void {
    for (const group of this.#groups) group.delete(socket)
    this.#unanswered.delete(socket)
    if (this.#groups.some(({ size }) => size > 0)) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #turn(): void {
    const now = performance.now()
    for (const [socket, until] of this.#unanswered) {
      if (until > now) break
      this.#unanswered.delete(socket)
      socket.terminate()
    }
    this.#last = (this.#last + 1) % GROUPS
    for (const socket of this.#groups[this.#last] ?? []) {
      if (!socket.isPaused && !this.#unanswered.has(socket)) {
        this.#unanswered.set(socket, now + this.#timeouts.socketPong)
      }
      socket.ping()
    }
  }
}
