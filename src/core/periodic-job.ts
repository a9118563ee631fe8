import { levelOf } from './failures.ts'
import type { Logger } from './logger.ts'
import { noObserver, type Observer } from './observer.ts'

export interface JobOptions {
  /** Names the job in logs and metrics. */
  readonly name: string
  /** Milliseconds between the end of a run and the start of the next. */
  readonly interval: number
  readonly log: Logger
  readonly observer?: Observer
}

/** Runs the same work periodically, one run at a time. A failed run is logged and does not stop the job. */
export class PeriodicJob {
  readonly #options: JobOptions
  readonly #observer: Observer
  readonly #work: () => Promise<boolean>
  #timer: NodeJS.Timeout | undefined
  #run: Promise<void> = Promise.resolve()
  #running = false
  #runAgain = false
  #stopped = false
  /** When the next run is planned, in milliseconds of the monotonic clock. */
  #plannedAt = 0

  /** @param work - resolves to whether the next run should start immediately */
  constructor(options: JobOptions, work: () => Promise<boolean>) {
    this.#options = options
    this.#observer = options.observer ?? noObserver
    this.#work = work
  }

  start(): void {
    this.#schedule(0)
  }

  /** Runs the work now, or once more right after the current run. */
  runNow(): void {
    if (this.#running) this.#runAgain = true
    else if (this.#timer) this.#schedule(0)
  }

  /** Resolves when the current run has finished. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#run
  }

  #schedule(delay: number): void {
    if (this.#stopped) return
    clearTimeout(this.#timer)
    this.#plannedAt = performance.now() + delay
    this.#timer = setTimeout(() => {
      this.#run = this.#runOnce()
    }, delay)
  }

  async #runOnce(): Promise<void> {
    const { name, interval, log } = this.#options
    const startedAt = performance.now()
    const lag = Math.max(0, startedAt - this.#plannedAt)
    let more = false
    let failed = false
    this.#running = true
    this.#runAgain = false
    try {
      more = await this.#work()
    } catch (error) {
      failed = true
      log[levelOf(error)]({ job: name, err: error }, 'background work failed')
    }
    this.#running = false
    this.#observer.job?.({ name, failed, duration: performance.now() - startedAt, lag })
    this.#schedule(more || this.#runAgain ? 0 : interval)
  }
}
