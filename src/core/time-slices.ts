/** Milliseconds of each turn of the event loop that sliced work may take, so that requests are answered in between. */
const SLICE = 5
/** Milliseconds after which the next lane goes on. */
const LANE_SLICE = 1

/** Work in small synchronous pieces. */
export interface Lane {
  /** Does one piece, in at most a few milliseconds; answers whether more is left. Must not throw. */
  step(): boolean
}

/**
 * Shares the event loop among bulk work: lanes alternate, and together they take at most {@link SLICE} ms of each turn of
 * the loop. Work that fits begins in the microtask after it was announced, so an idle gateway delays nothing.
 */
export class TimeSlices {
  readonly #ready: Lane[] = []
  readonly #queued = new Set<Lane>()
  readonly #tasks = new Map<unknown, TaskLane>()
  #scheduled = false
  /** When sliced work began in this turn of the event loop. */
  #turnBegan: number | undefined

  /** Says that the lane has work. Never runs it synchronously. */
  wake(lane: Lane): void {
    if (this.#queued.has(lane)) return
    this.#queued.add(lane)
    this.#ready.push(lane)
    if (this.#scheduled) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      this.#work()
    })
  }

  /** Runs a synchronous task; tasks of one key run in their order, and keys alternate. */
  run<T>(key: unknown, task: () => T): Promise<T> {
    const lane = this.#tasks.get(key) ?? new TaskLane(() => this.#tasks.delete(key))
    this.#tasks.set(key, lane)
    const done = lane.add(task)
    this.wake(lane)
    return done
  }

  #work(): void {
    this.#turnBegan ??= this.#beginTurn()
    const end = this.#turnBegan + SLICE
    for (let now = performance.now(); now < end;) {
      const lane = this.#ready.shift()
      if (!lane) return
      this.#queued.delete(lane)
      const laneEnd = Math.min(end, now + LANE_SLICE)
      let more: boolean
      do {
        more = lane.step()
        now = performance.now()
      } while (more && now < laneEnd)
      if (more && !this.#queued.has(lane)) {
        this.#queued.add(lane)
        this.#ready.push(lane)
      }
    }
  }

  #beginTurn(): number {
    setImmediate(() => {
      this.#turnBegan = undefined
      if (this.#ready.length > 0) this.#work()
    })
    return performance.now()
  }
}

class TaskLane implements Lane {
  readonly #tasks: (() => void)[] = []
  readonly #onEmpty: () => void

  constructor(onEmpty: () => void) {
    this.#onEmpty = onEmpty
  }

  add<T>(task: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#tasks.push(() => {
        try {
          resolve(task())
        } catch (error) {
          // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- the task's own error, unchanged
          reject(error)
        }
      })
    })
  }

  step(): boolean {
    this.#tasks.shift()?.()
    if (this.#tasks.length > 0) return true
    this.#onEmpty()
    return false
  }
}
