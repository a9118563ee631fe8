import { toRtcError } from '../errors.ts'
import type { Connection } from '../model.ts'
import type { MediaHost, MediaSession, MediaSource } from './media.ts'
import { type Capture, Publisher, ignoreErrors } from './publisher.ts'
import { HostReporter } from './host-reporter.ts'
import { credential } from './vendor.ts'

/** A stay in a vendor's room, as far as it is the same with all of them: one connection, one token, one end. */
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
  /** Leaves, also in the middle of joining, and gives back what the vendor holds; again does nothing. May throw. */
  protected abstract leave(): Promise<unknown>
  /** @throws RtcError by which the device cannot be opened */
  protected abstract open(source: MediaSource, deviceId: string | undefined): Promise<Capture>
  protected abstract useToken(token: string): Promise<unknown>

  /** @throws RtcError MEDIA_FAILED, and nothing stays open */
  async join(): Promise<this> {
    try {
      this.reporter.setState('connecting')
      await this.reporter.awaitJoin(() => this.connect())
      return this
    } catch (error) {
      await this.close()
      throw toRtcError(error, 'MEDIA_FAILED', `${this.#vendor} does not let join`)
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
      throw toRtcError(error, 'MEDIA_FAILED', `${this.#vendor} does not take the new token`)
    }
  }

  /** The vendor itself tells who publishes, and carries its own signalling. */
  others(): void {}

  signalled(): void {}

  async close(): Promise<void> {
    this.reporter.end()
    await this.#giveBack()
  }

  /** The vendor asks for another token; once, however often it says so. */
  protected expiring(): void {
    if (!this.#renewing) void this.#refresh()
  }

  /** @param reason - the vendor's word for it */
  protected lost(reason: string): void {
    this.reporter.lost(`${this.#vendor} has ended the connection`, new Error(reason))
    void this.#giveBack()
  }

  async #refresh(): Promise<void> {
    this.#renewing = true
    try {
      await this.renew(await this.host.refreshConnection())
    } catch (error) {
      this.reporter.failed(`${this.#vendor} gets no new token`, error)
    } finally {
      this.#renewing = false
    }
  }

  async #giveBack(): Promise<void> {
    await this.publisher.close()
    await ignoreErrors(() => this.leave())
  }
}
