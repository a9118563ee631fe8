import type { NatsConnection, Subscription } from '@nats-io/transport-node'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../core/logger.ts'
import type { BusConnection, BusHandlers, BusTransport } from './bus-connection.ts'
import { decodeNotices, encodeNotice, EVERY_NODE, type Notice, topicOf } from './notice.ts'

/** Timeouts and intervals, in milliseconds. */
const CONNECT_TIMEOUT = 4_000
const CONFIRM_TIMEOUT = 1_000
const PING_INTERVAL = 3_000
/** Subjects of deployments without a name in `BUS_URL`. */
const DEFAULT_PREFIX = 'rtc'

interface Options {
  /** `nats://` or `tls://`; several servers of a cluster are separated by commas. */
  readonly url: string
  readonly nodeId: string
  readonly log: Logger
}

/**
 * The bus of NATS: one subject per topic, so that a node receives only the notices of rooms and users that it has
 * subscribers for. The core protocol is at most once, which suffices: notices are hints.
 *
 * @see https://docs.nats.io/reference/reference-protocols/nats-protocol
 */
export const createNatsBus = (options: Options): BusTransport => ({
  selective: true,
  async connect(handlers) {
    // Imported here, because most deployments have no NATS server.
    const { connect } = await import('@nats-io/transport-node')
    const { prefix, ...server } = serversOf(options.url)
    const client = await connect({
      ...server,
      name: `rtc-gateway ${options.nodeId}`,
      timeout: CONNECT_TIMEOUT,
      pingInterval: PING_INTERVAL,
      maxPingOut: 1,
      noEcho: true,
      // The bus reconnects, and then makes up for what it missed.
      reconnect: false,
    })
    return new NatsBusConnection(client, { ...options, prefix, handlers })
  },
})

interface Context extends Omit<Options, 'url'> {
  /** The first part of all subjects. */
  readonly prefix: string
  readonly handlers: BusHandlers
}

class NatsBusConnection implements BusConnection {
  readonly #client: NatsConnection
  readonly #context: Context
  readonly #subscriptions = new Map<string, Subscription>()
  #confirming: Promise<void> | undefined
  #isOpen = true

  constructor(client: NatsConnection, context: Context) {
    this.#client = client
    this.#context = context
    this.#subscribe(EVERY_NODE)
    void client.closed().then((error) => {
      if (this.#isOpen) context.handlers.onLost(error ?? new Error('the NATS server closed the connection'))
      this.#isOpen = false
    })
  }

  async send(notices: readonly Notice[]): Promise<{ payloads: number }> {
    const { nodeId, prefix, handlers } = this.#context
    for (const notice of notices) this.#client.publish(`${prefix}.${topicOf(notice)}`, encodeNotice(nodeId, notice))
    await this.#client.flush()
    handlers.onReturned()
    return { payloads: notices.length }
  }

  watch(topics: readonly string[]): Promise<void> {
    for (const topic of topics) this.#subscribe(topic)
    // The server processes messages in order, so one confirmation covers all subscriptions before it.
    return (this.#confirming ??= this.#confirm())
  }

  unwatch(topic: string): void {
    this.#subscriptions.get(topic)?.unsubscribe()
    this.#subscriptions.delete(topic)
  }

  close(): void {
    this.#isOpen = false
    void this.#client.close().catch(() => undefined)
  }

  #subscribe(topic: string): void {
    if (this.#client.isClosed() || this.#subscriptions.has(topic)) return
    const { nodeId, prefix, handlers, log } = this.#context
    const subscription = this.#client.subscribe(`${prefix}.${topic}`, {
      callback: (error, message) => {
        const decoded = error ? null : decodeNotices(message.string())
        if (!decoded) log.debug({ err: error }, 'ignored a message that no gateway sent')
        else if (decoded.nodeId !== nodeId) handlers.onNotices(decoded.notices)
      },
    })
    this.#subscriptions.set(topic, subscription)
  }

  /** Waits for the server, but not long: without it, streams are up to date at the next check. */
  async #confirm(): Promise<void> {
    // Subscriptions of the same turn share the confirmation.
    await Promise.resolve()
    this.#confirming = undefined
    const waiting = new AbortController()
    const timeout = delay(CONFIRM_TIMEOUT, undefined, { signal: waiting.signal, ref: false })
    await Promise.race([this.#client.flush(), timeout]).catch(() => undefined)
    waiting.abort()
    await timeout.catch(() => undefined)
  }
}

/** The options of the client, and the prefix of all subjects: the path of the URL. */
function serversOf(url: string) {
  const urls = url.split(',').map((part) => new URL(part.trim()))
  const [first] = urls
  const decoded = (text: string | undefined) => (text ? decodeURIComponent(text) : undefined)
  const [user, pass] = [decoded(first?.username), decoded(first?.password)]
  return {
    servers: urls.map(({ host }) => host),
    prefix: first?.pathname.replace(/^\/+|\/+$/g, '') || DEFAULT_PREFIX,
    ...(first?.protocol === 'tls:' && { tls: {} }),
    ...(user !== undefined && (pass === undefined ? { token: user } : { user, pass })),
  }
}
