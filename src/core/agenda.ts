import type { Scheduler } from './clock.ts'

/** Something that happens at a time. */
export interface Appointment {
  /** Milliseconds since the epoch. */
  readonly dueAt: number
  /** Called at that time, unless the appointment was removed. */
  due(): void
  /** The position in the agenda, which the agenda maintains; -1 if it is in none. */
  position: number
}

/**
 * Any number of appointments with one timer for the next of them. A timer each would take several hundred bytes of every
 * connection. A binary heap: the children of position n are at 2n + 1 and 2n + 2.
 */
export class Agenda {
  readonly #clock: Scheduler
  readonly #heap: Appointment[] = []
  #cancelTimer: () => void = () => undefined

  constructor(clock: Scheduler) {
    this.#clock = clock
  }

  get size(): number {
    return this.#heap.length
  }

  /** Calls `due` synchronously if the time has passed. */
  add(appointment: Appointment): void {
    this.#place(appointment, this.#heap.length)
    this.#rise(appointment)
    if (appointment.position === 0) this.#arm()
  }

  /** Does nothing if the appointment is not in the agenda. */
  remove(appointment: Appointment): void {
    const wasNext = appointment.position === 0
    this.#take(appointment)
    if (wasNext) this.#arm()
  }

  /** Sets the timer for the next appointment; calls `due` if its time has passed. */
  #arm(): void {
    this.#cancelTimer()
    this.#cancelTimer = () => undefined
    const next = this.#heap[0]
    if (!next) return
    const cancel = this.#clock.at(new Date(next.dueAt), () => this.#fire())
    // Otherwise the callback has run already, and has set the timer of a later appointment.
    if (this.#heap[0] === next) this.#cancelTimer = cancel
  }

  #fire(): void {
    const now = this.#clock.now().getTime()
    for (let next = this.#heap[0]; next && next.dueAt <= now; next = this.#heap[0]) {
      this.#take(next)
      next.due()
    }
    this.#arm()
  }

  #take(appointment: Appointment): void {
    const { position } = appointment
    if (position < 0) return
    appointment.position = -1
    const last = this.#heap.pop()
    if (!last || last === appointment) return
    this.#place(last, position)
    this.#rise(last)
    this.#sink(last)
  }

  #place(appointment: Appointment, position: number): void {
    this.#heap[position] = appointment
    appointment.position = position
  }

  #rise(appointment: Appointment): void {
    for (;;) {
      const { position } = appointment
      const parent = this.#heap[(position - 1) >> 1]
      if (position === 0 || !parent || parent.dueAt <= appointment.dueAt) return
      this.#place(parent, position)
      this.#place(appointment, (position - 1) >> 1)
    }
  }

  #sink(appointment: Appointment): void {
    for (;;) {
      const { position } = appointment
      const [left, right] = [this.#heap[2 * position + 1], this.#heap[2 * position + 2]]
      const child = right && left && right.dueAt < left.dueAt ? right : left
      if (!child || child.dueAt >= appointment.dueAt) return
      const at = child.position
      this.#place(child, position)
      this.#place(appointment, at)
    }
  }
}
