import { levelOf } from './failures.ts'
import type { Logger } from './logger.ts'

/** Does the same work again and again, never twice at once; a failure is logged and the next time is as ever. */
export class PeriodicJob {
  readonly #interval: number
  readonly #work: () => Promise<boolean>
  readonly #log: Logger
  #timer: NodeJS.Timeout | undefined
  #underWay: Promise<void> = Promise.resolve()
  #working = false
  #again = false
  #stopped = false

  /**
   * @param interval - milliseconds between the end of one time and the start of the next
   * @param work - answers whether there is more to do at once
   */
  constructor(interval: number, work: () => Promise<boolean>, log: Logger) {
    this.#interval = interval
    this.#work = work
    this.#log = log
  }

  start(): void {
    this.#schedule(0)
  }

  /** Does the work now, or again right after the time that is under way. */
  runNow(): void {
    if (this.#working) this.#again = true
    else if (this.#timer) this.#schedule(0)
  }

  /** Resolves when the work under way is over. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#underWay
  }

  #schedule(delay: number): void {
    if (this.#stopped) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#underWay = this.#once()
    }, delay)
  }

  async #once(): Promise<void> {
    let more = false
    this.#working = true
    this.#again = false
    try {
      more = await this.#work()
    } catch (error) {
      this.#log[levelOf(error)]({ err: error }, 'work in the background failed')
    }
    this.#working = false
    this.#schedule(more || this.#again ? 0 : this.#interval)
  }
}
