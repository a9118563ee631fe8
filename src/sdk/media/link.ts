import type { SignalType } from '../model.ts'
import type { Peer } from './peer.ts'

type Payload = Readonly<Record<string, unknown>>

/** The message by which somebody who has just come asks the others for an offer. */
export const HELLO = { openchat: 'hello' } as const

export interface LinkOptions {
  /** This side's session: another one each time that a room is joined. */
  readonly session: string
  signal(type: SignalType, payload: Payload): Promise<void>
  /** Makes the connection to the other side's present session. Undefined where it cannot be made. */
  connect(): Peer | undefined
  /** The other side was never seen in the room: the link is of no use. */
  onStranger(): void
}

/** Milliseconds until a second hello to somebody who has not answered; each time twice as long, up to a minute. */
const HELLO_INTERVAL = 5_000
const HELLO_INTERVAL_MAX = 60_000

/**
 * What is between this session and another participant. Who has come says hello, who is there offers. Each message names
 * its sender's session and, once that is known, the one it is for: after a reload, what was meant for the page before is
 * passed over, and a session that was succeeded is not listened to again.
 */
export class Link {
  readonly #options: LinkOptions
  readonly #retired = new Set<string>()
  #session: string | undefined
  #peer: Peer | undefined
  #sent = 0
  #received = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #isParticipant = false

  constructor(options: LinkOptions) {
    this.#options = options
  }

  /** The room's events have said that the other side is there. */
  get isConfirmed(): boolean {
    return this.#isParticipant
  }

  get peer(): Peer | undefined {
    return this.#peer
  }

  /** The other side is in the room; the one who came later begins. */
  begin({ arriving }: { arriving: boolean }): void {
    this.#isParticipant = true
    this.#greetIn(arriving ? 0 : HELLO_INTERVAL, HELLO_INTERVAL)
  }

  /** The other side has signalled before the room's stream has told of them. */
  await(): void {
    this.#greetIn(HELLO_INTERVAL, HELLO_INTERVAL)
  }

  confirm(): void {
    this.#isParticipant = true
  }

  receive(type: SignalType, payload: Payload): void {
    const { session, to, n } = payload
    if (typeof to === 'string' && to !== this.#options.session) return
    if (!this.#isPresent(typeof session === 'string' ? session : '')) return
    if (typeof n === 'number') {
      if (n <= this.#received) return
      this.#received = n
    }
    if (type !== 'custom') this.#connected()?.receive(type, payload)
    else if (payload['openchat'] === HELLO.openchat) this.#answerHello()
  }

  /** The connection's own messages, addressed. */
  send(type: SignalType, payload: Payload): Promise<void> {
    this.#sent += 1
    const to = this.#session === undefined ? {} : { to: this.#session }
    return this.#options.signal(type, { ...payload, session: this.#options.session, ...to, n: this.#sent })
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#peer?.close()
    this.#peer = undefined
  }

  /** Whether the session is the other side's present one; a new one succeeds the last. */
  #isPresent(session: string): boolean {
    if (session === this.#session) return true
    if (this.#retired.has(session)) return false
    if (this.#session !== undefined) {
      this.#retired.add(this.#session)
      this.#peer?.close()
      this.#peer = undefined
    }
    this.#session = session
    this.#received = 0
    return true
  }

  #answerHello(): void {
    if (!this.#peer) this.#connected()
    else if (!this.#peer.isConnected) this.#peer.restart()
  }

  #connected(): Peer | undefined {
    this.#peer ??= this.#options.connect()
    return this.#peer
  }

  #greetIn(delay: number, then: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      if (!this.#isParticipant) return this.#options.onStranger()
      if (!this.#peer) void this.send('custom', HELLO)
      this.#greetIn(then, Math.min(2 * then, HELLO_INTERVAL_MAX))
    }, delay)
  }
}
