import { toRtcError } from '../errors.ts'
import type { Connection, Participant } from '../model.ts'
import type { MediaHost, MediaSession, MediaSource } from './media.ts'
import { type Capture, Publisher, ignoreErrors } from './publisher.ts'
import { HostReporter } from './host-reporter.ts'
import { credential } from './vendor.ts'

/** The part of a media session that is the same for all vendors: joining, token renewal, publishing and closing. */
export abstract class VendorSession implements MediaSession {
  protected readonly host: MediaHost
  protected readonly reporter: HostReporter
  protected readonly publisher: Publisher
  readonly #vendor: string
  #renewing = false

  constructor(vendor: string, host: MediaHost) {
    this.#vendor = vendor
    this.host = host
    this.reporter = new HostReporter(host)
    this.publisher = new Publisher(host, this.reporter, (source, deviceId) => this.open(source, deviceId))
  }

  protected abstract connect(): Promise<unknown>
  /** Leaves, also during a join, and releases the vendor's resources; idempotent. May throw. */
  protected abstract leave(): Promise<unknown>
  /** @throws RtcError if the device cannot be opened */
  protected abstract open(source: MediaSource, deviceId: string | undefined): Promise<Capture>
  protected abstract useToken(token: string): Promise<unknown>

  /** @throws RtcError MEDIA_FAILED, after everything was released */
  async join(): Promise<this> {
    try {
      this.reporter.setState('connecting')
      await this.reporter.awaitJoin(() => this.connect())
      return this
    } catch (error) {
      await this.close()
      throw toRtcError(error, 'MEDIA_FAILED', `${this.#vendor} rejected the join`)
    }
  }

  publish(source: MediaSource, enabled: boolean): Promise<void> {
    return this.publisher.publish(source, enabled)
  }

  selectDevice(source: 'camera' | 'microphone', deviceId: string): Promise<void> {
    return this.publisher.selectDevice(source, deviceId)
  }

  async renew(connection: Connection): Promise<void> {
    try {
      await this.useToken(credential(connection, 'token'))
    } catch (error) {
      throw toRtcError(error, 'MEDIA_FAILED', `${this.#vendor} rejected the new token`)
    }
  }

  /** Not needed: the vendor has its own participants and signalling. */
  others(_participants: readonly Participant[]): void {}

  signalled(): void {}

  async close(): Promise<void> {
    this.reporter.end()
    await this.#release()
  }

  /** The vendor's token expires soon; concurrent warnings share one renewal. */
  protected expiring(): void {
    if (!this.#renewing) void this.#refresh()
  }

  /** @param reason - the vendor's error code */
  protected lost(reason: string): void {
    this.reporter.lost(`${this.#vendor} ended the connection`, new Error(reason))
    void this.#release()
  }

  async #refresh(): Promise<void> {
    this.#renewing = true
    try {
      await this.renew(await this.host.refreshConnection())
    } catch (error) {
      this.reporter.failed(`the token of ${this.#vendor} cannot be renewed`, error)
    } finally {
      this.#renewing = false
    }
  }

  async #release(): Promise<void> {
    await this.publisher.close()
    await ignoreErrors(() => this.leave())
  }
}
