import { levelOf } from './failures.ts'
import type { Logger } from './logger.ts'

/** Runs the same work periodically, one run at a time. A failed run is logged and does not stop the job. */
export class PeriodicJob {
  readonly #interval: number
  readonly #work: () => Promise<boolean>
  readonly #log: Logger
  #timer: NodeJS.Timeout | undefined
  #run: Promise<void> = Promise.resolve()
  #running = false
  #runAgain = false
  #stopped = false

  /**
   * @param interval - milliseconds between the end of a run and the start of the next
   * @param work - resolves to whether the next run should start immediately
   */
  constructor(interval: number, work: () => Promise<boolean>, log: Logger) {
    this.#interval = interval
    this.#work = work
    this.#log = log
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
    this.#timer = setTimeout(() => {
      this.#run = this.#runOnce()
    }, delay)
  }

  async #runOnce(): Promise<void> {
    let more = false
    this.#running = true
    this.#runAgain = false
    try {
      more = await this.#work()
    } catch (error) {
      this.#log[levelOf(error)]({ err: error }, 'background work failed')
    }
    this.#running = false
    this.#schedule(more || this.#runAgain ? 0 : this.#interval)
  }
}
