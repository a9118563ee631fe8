import type { Clock } from '../core/clock.ts'
import type { Log } from '../core/log.ts'

interface Sources {
  due(now: Date, limit: number): Promise<readonly string[]>
  tick(roomId: string): Promise<void>
  readonly clock: Clock
  readonly log: Log
}

/** How often due rooms are looked for, in milliseconds. */
const INTERVAL = 500
const BATCH = 100

/** Makes time pass for rooms: whatever deadline is over is decided within a second. */
export class Sweeper {
  readonly #sources: Sources
  #timer: NodeJS.Timeout | undefined
  #sweeping: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(sources: Sources) {
    this.#sources = sources
  }

  start(): void {
    this.#schedule(0)
  }

  /** Resolves when the sweep under way is over. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#sweeping
  }

  #schedule(delay: number): void {
    if (this.#stopped) return
    this.#timer = setTimeout(() => {
      this.#sweeping = this.#sweep().then((more) => this.#schedule(more ? 0 : INTERVAL))
    }, delay)
  }

  /** Answers whether there is more to do at once. */
  async #sweep(): Promise<boolean> {
    const { due, tick, clock, log } = this.#sources
    try {
      const rooms = await due(clock.now(), BATCH)
      const results = await Promise.allSettled(rooms.map((roomId) => tick(roomId)))
      const failed = results.filter((result) => result.status === 'rejected')
      for (const { reason } of failed) log.warn({ err: reason as unknown }, 'a room could not be swept')
      return rooms.length === BATCH && failed.length === 0
    } catch (error) {
      log.warn({ err: error }, 'due rooms could not be read')
      return false
    }
  }
}
