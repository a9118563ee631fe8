import { connectionOf } from './convert.ts'
import { type RtcError, toRtcError } from './errors.ts'
import type { Gateway } from './gateway.ts'
import { RefreshConnectionDocument } from './generated/graphql.ts'
import type { Connection } from './model.ts'

export interface ConnectionRenewalOptions {
  readonly gateway: Gateway
  readonly roomId: string
  /** Hands renewed credentials to the media. */
  apply(connection: Connection): Promise<void>
  /** Must not throw. */
  onError(error: RtcError): void
}

/** Milliseconds before the expiry, and the bounds of the delay. */
const MARGIN = 300_000
const MIN_DELAY = 60_000
const MAX_DELAY = 3_000_000

/** Renews the media credentials of a room before they expire. */
export class ConnectionRenewal {
  readonly #options: ConnectionRenewalOptions
  #timer: ReturnType<typeof setTimeout> | undefined
  #stopped = false

  constructor(options: ConnectionRenewalOptions) {
    this.#options = options
  }

  /** Clamped at both ends, because the local clock may be off by hours. */
  schedule(expiresAt: string): void {
    const left = Date.parse(expiresAt) - Date.now() - MARGIN
    clearTimeout(this.#timer)
    if (this.#stopped) return
    this.#timer = setTimeout(() => void this.#renew(), Math.min(Math.max(left, MIN_DELAY), MAX_DELAY))
  }

  /** Fetches new credentials and schedules their renewal. */
  async refresh(): Promise<Connection> {
    const { gateway, roomId } = this.#options
    const answer = await gateway.request(RefreshConnectionDocument, { input: { roomId } })
    const connection = connectionOf(answer.refreshConnection.connection)
    this.schedule(connection.expiresAt)
    return connection
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  async #renew(): Promise<void> {
    try {
      await this.#options.apply(await this.refresh())
    } catch (error) {
      if (this.#stopped) return
      this.#options.onError(toRtcError(error, 'MEDIA_FAILED'))
      this.schedule(new Date().toISOString())
    }
  }
}
