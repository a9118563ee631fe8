import type { SignalType } from '../model.ts'
import { randomId } from '../random-id.ts'
import type { IceEvidence } from './diagnosis.ts'
import type { ConnectionState } from './media.ts'
import type { Peer, PeerOptions } from './peer.ts'
import { PeerRecovery } from './peer-recovery.ts'

type Payload = Readonly<Record<string, unknown>>

/** Message types of this package, in the field `openchat` of a `custom` signal. */
const HELLO = 'hello'
/** The answering side requests an offer; with `restart`, an ICE restart. */
const NEGOTIATE = 'negotiate'
/** The answering side requests a new connection; with `refused`, because it rejected a description. */
const REBUILD = 'rebuild'
/** The answer of a client without WebRTC to a hello. */
const WATCHING = 'watching'

export const SPECTATOR = { openchat: WATCHING } as const
export const isHello = (payload: Payload): boolean => payload['openchat'] === HELLO

/** Why a link gave up its peer. */
export interface LinkFailure {
  /** The error of the last rejected description; undefined if none was rejected. */
  readonly refusal: unknown
  /** Undefined if the other side never answered a hello. */
  readonly evidence: IceEvidence | undefined
}

export type LinkedPeerOptions = Pick<PeerOptions, 'id' | 'offers' | 'signal' | 'requestOffer' | 'onState' | 'onRefused'>

export interface PeerLinkOptions {
  /** Identifies this side's media session; a new id for each join. */
  readonly session: string
  /** Whether this side makes the offers. Exactly one of the two does. */
  readonly offers: boolean
  signal(type: SignalType, payload: Payload): Promise<void>
  /** Creates a connection that sends everything published; undefined if the browser rejects its configuration. */
  connect(options: LinkedPeerOptions): Peer | undefined
  /** Renews the ICE credentials if they have expired. Never rejects. */
  refresh(): Promise<void>
  onState(state: ConnectionState): void
  onFailure(failure: LinkFailure): void
  /** The room's events never confirmed the other side: the link can be discarded. */
  onUnconfirmed(): void
}

/** Milliseconds until an unanswered hello is repeated; doubles each time, up to a minute. */
const HELLO_INTERVAL = 5_000
const MAX_HELLO_INTERVAL = 60_000
/** Milliseconds added to the answering side's deadlines, so that the offering side acts first. */
const ANSWERER_DELAY = 2_000
/** Consecutive rejected connections after which the link gives up. */
const MAX_REFUSALS = 3

/**
 * The link from this client to one other participant: discovery, negotiation and recovery. A newcomer sends `hello`;
 * the offering side then makes an offer. Each message carries its sender's session and, once known, the addressee's.
 * Messages addressed to the page before a reload, or sent by a past session, are ignored.
 */
export class PeerLink {
  readonly #options: PeerLinkOptions
  readonly #pastSessions = new Set<string>()
  readonly #recovery: PeerRecovery
  #otherSession: string | undefined
  #peer: Peer | undefined
  #lastSent = 0
  #lastReceived = 0
  #helloTimer: ReturnType<typeof setTimeout> | undefined
  #isConfirmed = false
  #wasConnected = false
  #isSpectator = false
  #refusals = 0
  /** Given up until the other side begins a new session. */
  #hasFailed = false
  #state: ConnectionState | undefined

  constructor(options: PeerLinkOptions) {
    this.#options = options
    this.#recovery = new PeerRecovery({
      slack: options.offers ? 0 : ANSWERER_DELAY,
      restart: () => void this.#restart(),
      rebuild: () => void this.#rebuild(),
      giveUp: () => this.#giveUp(),
    })
  }

  /** Whether the room's events have confirmed that the other side has joined. */
  get isConfirmed(): boolean {
    return this.#isConfirmed
  }

  get peer(): Peer | undefined {
    return this.#peer
  }

  /** The room's events show the other side. @param arriving - this client is the newcomer and sends `hello` at once */
  begin({ arriving }: { arriving: boolean }): void {
    this.#isConfirmed = true
    this.#scheduleHello(arriving ? 0 : HELLO_INTERVAL, HELLO_INTERVAL)
    this.#reset()
  }

  /** The other side has signalled before the room's events showed it. */
  awaitConfirmation(): void {
    this.#scheduleHello(HELLO_INTERVAL, HELLO_INTERVAL)
    this.#reset()
  }

  confirm(): void {
    this.#isConfirmed = true
  }

  receive(type: SignalType, payload: Payload): void {
    const { session, to, n } = payload
    const isAddressed = to === this.#options.session
    // Only a hello may come from a sender that does not know this session yet.
    if (!isAddressed && (to !== undefined || !isHello(payload))) return
    if (typeof session !== 'string' || !this.#acceptSession(session)) return
    if (typeof n === 'number') {
      if (n <= this.#lastReceived) return
      this.#lastReceived = n
    }
    if (this.#hasFailed) return
    if (type !== 'custom') this.#onDescription(type, payload)
    else this.#onMessage(payload, { isAddressed })
  }

  close(): void {
    clearTimeout(this.#helloTimer)
    this.#recovery.stop()
    this.#closePeer()
    this.#setState('disconnected')
  }

  #send(type: SignalType, payload: Payload): Promise<void> {
    this.#lastSent += 1
    const to = this.#otherSession === undefined ? {} : { to: this.#otherSession }
    return this.#options.signal(type, { ...payload, session: this.#options.session, ...to, n: this.#lastSent })
  }

  /** Accepts the other side's current session; an unknown id starts a new one. False for a past session. */
  #acceptSession(session: string): boolean {
    if (session === this.#otherSession) return true
    if (this.#pastSessions.has(session)) return false
    if (this.#otherSession !== undefined) {
      this.#pastSessions.add(this.#otherSession)
      this.#closePeer()
      this.#reset()
    }
    this.#otherSession = session
    this.#lastReceived = 0
    return true
  }

  /** Starts over with the other side's current session: a connection is expected. */
  #reset(): void {
    this.#wasConnected = false
    this.#isSpectator = false
    this.#hasFailed = false
    this.#refusals = 0
    this.#recovery.begin()
    this.#setState('connecting')
  }

  #onDescription(type: SignalType, payload: Payload): void {
    const { connection } = payload
    if (typeof connection !== 'string') return
    // The offering side has created a new connection.
    if (type === 'offer' && !this.#options.offers && connection !== this.#peer?.id) this.#connect(connection)
    if (connection === this.#peer?.id) this.#peer.receive(type, payload)
  }

  #onMessage(payload: Payload, { isAddressed }: { isAddressed: boolean }): void {
    switch (payload['openchat']) {
      case HELLO:
        return this.#answerHello({ isAddressed })
      case NEGOTIATE:
        if (this.#options.offers && payload['connection'] === this.#peer?.id) {
          this.#peer?.negotiate({ restart: payload['restart'] === true })
        }
        return
      case REBUILD:
        if (!this.#options.offers || payload['connection'] !== this.#peer?.id) return
        if (payload['refused'] === true) this.#onRefused(new Error('the other side rejected the description'))
        else void this.#rebuild()
        return
      case WATCHING:
        this.#isSpectator = true
        this.#recovery.stop()
        return
    }
  }

  #answerHello({ isAddressed }: { isAddressed: boolean }): void {
    if (!this.#options.offers) {
      if (!isAddressed) void this.#send('custom', { openchat: HELLO })
    } else if (!this.#peer) this.#connect(randomId())
    else if (!isAddressed && !this.#peer.isConnected) this.#peer.repeat()
  }

  #connect(id: string): void {
    if (this.#peer) this.#recovery.rebuilt()
    this.#closePeer()
    const { offers } = this.#options
    this.#peer = this.#options.connect({
      id,
      offers,
      signal: (type, payload) => this.#send(type, payload),
      requestOffer: () => void this.#send('custom', { openchat: NEGOTIATE, connection: id }),
      onState: (state) => this.#onPeerState(state),
      onRefused: (error) => this.#onRefused(error),
    })
    if (this.#peer) return this.#peer.begin()
    this.#fail()
  }

  #fail(): void {
    this.#hasFailed = true
    this.#recovery.stop()
    this.#closePeer()
    this.#setState('unreachable')
  }

  #closePeer(): void {
    const peer = this.#peer
    this.#peer = undefined
    peer?.close()
  }

  #onPeerState(state: RTCPeerConnectionState): void {
    if (state === 'connected') {
      this.#wasConnected = true
      this.#refusals = 0
      this.#setState('connected')
    } else if (this.#state !== 'unreachable') this.#setState(this.#wasConnected ? 'reconnecting' : 'connecting')
    this.#recovery.stateChanged(state)
  }

  async #restart(): Promise<void> {
    const peer = this.#peer
    if (!peer) return
    await this.#options.refresh()
    if (peer !== this.#peer) return
    if (!this.#options.offers)
      return void this.#send('custom', { openchat: NEGOTIATE, connection: peer.id, restart: true })
    // No new offer can be made while one is unanswered.
    peer.repeat()
    peer.negotiate({ restart: true })
  }

  async #rebuild(): Promise<void> {
    const peer = this.#peer
    if (!peer) return
    await this.#options.refresh()
    if (peer !== this.#peer) return
    if (this.#options.offers) this.#connect(randomId())
    else void this.#send('custom', { openchat: REBUILD, connection: peer.id })
  }

  /** Retries a rejected description with a new connection, a limited number of times. */
  #onRefused(error: unknown): void {
    this.#refusals += 1
    const { offers, onFailure } = this.#options
    if (!offers && this.#peer) {
      void this.#send('custom', { openchat: REBUILD, connection: this.#peer.id, refused: true })
    }
    if (this.#refusals >= MAX_REFUSALS) {
      this.#fail()
      onFailure({ refusal: error, evidence: undefined })
    } else if (offers) this.#connect(randomId())
  }

  #giveUp(): void {
    this.#setState('unreachable')
    this.#options.onFailure({ refusal: undefined, evidence: this.#peer?.evidence })
  }

  #setState(state: ConnectionState): void {
    if (state === this.#state) return
    this.#state = state
    this.#options.onState(state)
  }

  #scheduleHello(delay: number, then: number): void {
    clearTimeout(this.#helloTimer)
    this.#helloTimer = setTimeout(() => {
      if (!this.#isConfirmed) return this.#options.onUnconfirmed()
      if (!this.#peer && !this.#isSpectator && !this.#hasFailed) void this.#send('custom', { openchat: HELLO })
      this.#scheduleHello(then, Math.min(2 * then, MAX_HELLO_INTERVAL))
    }, delay)
  }
}
