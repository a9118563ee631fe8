import { setTimeout as delay } from 'node:timers/promises'
import { bringUp, type BringUpOptions, type RunningServer } from './bring-up.ts'
import type { Cluster } from './cluster.ts'
import type { ServerLease } from './lease.ts'

/** Back-off before a server is restarted, in milliseconds. */
const BACK_OFF = { first: 100, longest: 30_000 } as const
/** Milliseconds of uptime after which the back-off is reset. */
const STABLE_AFTER = 60_000

/**
 * Watches the lease on a server. When the lease is lost because the server was killed, has crashed or was stopped from
 * outside, brings the server up again with exponential back-off.
 */
export class Supervisor {
  readonly #cluster: Cluster
  readonly #options: Omit<BringUpOptions, 'signal'>
  readonly #stopping = new AbortController()
  #lease: ServerLease
  #backOff: number = BACK_OFF.first
  #watching: Promise<void>

  constructor(cluster: Cluster, { running, ...options }: { running: RunningServer } & Omit<BringUpOptions, 'signal'>) {
    this.#cluster = cluster
    this.#options = options
    this.#lease = running.lease
    this.#watching = this.#watch()
  }

  /** Stops watching. @returns the current lease, or the last one if it was lost */
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
      if (performance.now() - since > STABLE_AFTER) this.#backOff = BACK_OFF.first
      await this.#restart()
    }
  }

  /** Retries until it succeeds or `stop` is called. */
  async #restart(): Promise<void> {
    const { log } = this.#options
    const { signal } = this.#stopping
    while (!signal.aborted) {
      await delay(this.#backOff, undefined, { signal }).catch(() => undefined)
      this.#backOff = Math.min(this.#backOff * 2, BACK_OFF.longest)
      if (signal.aborted) return
      try {
        const { lease, pid, adopted } = await bringUp(this.#cluster, { ...this.#options, signal })
        await this.#lease.close()
        this.#lease = lease
        log.warn({ server: pid }, adopted ? 'adopted the restarted database server' : 'restarted the database server')
        return
      } catch (error) {
        if (!signal.aborted) log.error({ err: error }, 'failed to restart the database server')
      }
    }
  }
}

const abortOf = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
