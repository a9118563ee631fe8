import { setTimeout as delay } from 'node:timers/promises'
import { bringUp, type BringUpOptions, type Running } from './bring-up.ts'
import type { Cluster } from './cluster.ts'
import type { ServerLease } from './lease.ts'

/** Milliseconds before a server is started again. */
const PAUSE = { first: 100, longest: 30_000 } as const
/** A server that has lived this long does not count as one of a series that keeps dying, in milliseconds. */
const STABLE_AFTER = 60_000

/**
 * Watches the claim on a server. When it is lost, because the server was killed, has crashed or was stopped by somebody
 * else, the server is brought up again, with a pause that doubles while it keeps dying.
 */
export class Supervisor {
  readonly #cluster: Cluster
  readonly #options: Omit<BringUpOptions, 'signal'>
  readonly #stopping = new AbortController()
  #lease: ServerLease
  #pause: number = PAUSE.first
  #watching: Promise<void>

  constructor(cluster: Cluster, { running, ...options }: { running: Running } & Omit<BringUpOptions, 'signal'>) {
    this.#cluster = cluster
    this.#options = options
    this.#lease = running.lease
    this.#watching = this.#watch()
  }

  /** Watches no more. @returns the claim that is held, or was held last */
  async stop(): Promise<ServerLease> {
    this.#stopping.abort()
    await this.#watching
    return this.#lease
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const since = performance.now()
      await abortOf(AbortSignal.any([this.#lease.lost, signal]))
      if (signal.aborted) return
      if (performance.now() - since > STABLE_AFTER) this.#pause = PAUSE.first
      await this.#restart()
    }
  }

  /** Tries until it succeeds or is told to stop. */
  async #restart(): Promise<void> {
    const { log } = this.#options
    const { signal } = this.#stopping
    while (!signal.aborted) {
      await delay(this.#pause, undefined, { signal }).catch(() => undefined)
      this.#pause = Math.min(this.#pause * 2, PAUSE.longest)
      if (signal.aborted) return
      try {
        const { lease, pid, adopted } = await bringUp(this.#cluster, { ...this.#options, signal })
        await this.#lease.close()
        this.#lease = lease
        log.warn({ server: pid }, adopted ? 'the database server is back' : 'started the database server again')
        return
      } catch (error) {
        if (!signal.aborted) log.error({ err: error }, 'the database server could not be started again')
      }
    }
  }
}

const abortOf = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
