/** Milliseconds of each event loop iteration that sliced work may take, so that requests are served in between. */
const SLICE = 5
/** Milliseconds after which the next lane is served. */
const LANE_SLICE = 1

const READY = Promise.resolve()

/** A sequence of small synchronous steps. */
export interface Lane {
  /** Does one step of at most a few milliseconds and returns whether more steps are left. Must not throw. */
  step(): boolean
}

/**
 * Shares the event loop among bulk work: lanes are served round robin and together take at most {@link SLICE} ms of each
 * iteration of the loop. As long as the slice lasts, work starts in the microtask after `wake`, so an idle gateway adds no
 * latency.
 */
export class TimeSlices {
  readonly #ready: Lane[] = []
  readonly #queued = new Set<Lane>()
  readonly #tasks = new Map<unknown, TaskLane>()
  #scheduled = false
  /** The time at which sliced work began in this iteration of the event loop. */
  #sliceBegan: number | undefined

  /** Schedules a lane that has work. Never runs it synchronously. */
  wake(lane: Lane): void {
    if (this.#queued.has(lane)) return
    this.#queued.add(lane)
    this.#ready.push(lane)
    if (this.#scheduled) return
    this.#scheduled = true
    // Costs less than `queueMicrotask`, which makes an asynchronous resource.
    void READY.then(() => {
      this.#scheduled = false
      this.#work()
    })
  }

  /** Runs a synchronous task. Tasks of one key run in the order of the calls; keys are served round robin. */
  run<T>(key: unknown, task: () => T): Promise<T> {
    const lane = this.#tasks.get(key) ?? new TaskLane(() => this.#tasks.delete(key))
    this.#tasks.set(key, lane)
    const done = lane.add(task)
    this.wake(lane)
    return done
  }

  #work(): void {
    this.#sliceBegan ??= this.#beginSlice()
    const end = this.#sliceBegan + SLICE
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

  #beginSlice(): number {
    setImmediate(() => {
      this.#sliceBegan = undefined
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
