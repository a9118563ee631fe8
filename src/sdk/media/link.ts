import type { SignalType } from '../model.ts'
import { randomId } from '../random-id.ts'
import type { IceEvidence } from './diagnosis.ts'
import type { ConnectionState } from './media.ts'
import type { Peer, PeerOptions } from './peer.ts'
import { Recovery } from './recovery.ts'

type Payload = Readonly<Record<string, unknown>>

/** Messages of this package, as the field `openchat` of a `custom` signal names them. */
const HELLO = 'hello'
/** The side that answers asks for an offer, with `restart` for one that restarts ICE. */
const NEGOTIATE = 'negotiate'
/** The side that answers asks for a connection built from nothing, with `refused` because it refused a description. */
const REBUILD = 'rebuild'
/** The answer to a hello of one that has no WebRTC and only watches. */
const WATCHING = 'watching'

export const SPECTATOR = { openchat: WATCHING } as const
export const isHello = (payload: Payload): boolean => payload['openchat'] === HELLO

/** What a link says of a peer that was given up. */
export interface Failure {
  /** The browsers refused each other's descriptions; this is the last refusal. */
  readonly refusal: unknown
  /** Undefined: the other side has not even answered a hello. */
  readonly evidence: IceEvidence | undefined
}

export type LinkedPeerOptions = Pick<PeerOptions, 'id' | 'offers' | 'signal' | 'requestOffer' | 'onState' | 'onRefused'>

export interface LinkOptions {
  /** This side's session: another one each time that a room is joined. */
  readonly session: string
  /** Whether this side makes the offers. Exactly one of the two does. */
  readonly offers: boolean
  signal(type: SignalType, payload: Payload): Promise<void>
  /** Makes a connection with everything that is published. Undefined where the browser refuses to. */
  connect(options: LinkedPeerOptions): Peer | undefined
  /** Renews credentials that have expired, before they are used again. Never rejects. */
  refresh(): Promise<void>
  onState(state: ConnectionState): void
  onFailure(failure: Failure): void
  /** The other side was never seen in the room: the link is of no use. */
  onStranger(): void
}

/** Milliseconds until a second hello to somebody who has not answered; each time twice as long, up to a minute. */
const HELLO_INTERVAL = 5_000
const HELLO_INTERVAL_MAX = 60_000
/** Milliseconds by which the answering side's deadlines are later, so that the offering side acts first. */
const ANSWERER_SLACK = 2_000
/** Connections that may be refused, one after the other, before the pair is given up. */
const REFUSALS_MAX = 3

/**
 * The link from this session to another participant. Whoever arrives says hello; the side that offers does so when it has
 * heard of the other's session. Each message names its sender's session and, once that is known, the one it is for: after
 * a reload, messages for the page before are ignored, and so are those of a session that was succeeded.
 */
export class Link {
  readonly #options: LinkOptions
  readonly #retired = new Set<string>()
  readonly #recovery: Recovery
  #session: string | undefined
  #peer: Peer | undefined
  #sent = 0
  #received = 0
  #greeting: ReturnType<typeof setTimeout> | undefined
  #isParticipant = false
  #wasConnected = false
  #isWatching = false
  #refusals = 0
  /** Given up for this session of the other side. */
  #isOver = false
  #state: ConnectionState | undefined

  constructor(options: LinkOptions) {
    this.#options = options
    this.#recovery = new Recovery({
      slack: options.offers ? 0 : ANSWERER_SLACK,
      restart: () => void this.#restart(),
      rebuild: () => void this.#rebuild(),
      giveUp: () => this.#giveUp(),
    })
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
    this.#expect()
  }

  /** The other side has signalled before the room's stream has told of them. */
  await(): void {
    this.#greetIn(HELLO_INTERVAL, HELLO_INTERVAL)
    this.#expect()
  }

  confirm(): void {
    this.#isParticipant = true
  }

  receive(type: SignalType, payload: Payload): void {
    const { session, to, n } = payload
    const isAddressed = to === this.#options.session
    // Only a hello may come from somebody who does not know this session yet.
    if (!isAddressed && (to !== undefined || !isHello(payload))) return
    if (typeof session !== 'string' || !this.#isPresent(session)) return
    if (typeof n === 'number') {
      if (n <= this.#received) return
      this.#received = n
    }
    if (this.#isOver) return
    if (type !== 'custom') this.#describe(type, payload)
    else this.#told(payload, { isAddressed })
  }

  close(): void {
    clearTimeout(this.#greeting)
    this.#recovery.stop()
    this.#drop()
    this.#tell('disconnected')
  }

  #send(type: SignalType, payload: Payload): Promise<void> {
    this.#sent += 1
    const to = this.#session === undefined ? {} : { to: this.#session }
    return this.#options.signal(type, { ...payload, session: this.#options.session, ...to, n: this.#sent })
  }

  /** Whether the session is the other side's present one; a new one succeeds the last. */
  #isPresent(session: string): boolean {
    if (session === this.#session) return true
    if (this.#retired.has(session)) return false
    if (this.#session !== undefined) {
      this.#retired.add(this.#session)
      this.#drop()
      this.#expect()
    }
    this.#session = session
    this.#received = 0
    return true
  }

  /** A connection to the other side's present session is due. */
  #expect(): void {
    this.#wasConnected = false
    this.#isWatching = false
    this.#isOver = false
    this.#refusals = 0
    this.#recovery.begin()
    this.#tell('connecting')
  }

  #describe(type: SignalType, payload: Payload): void {
    const { connection } = payload
    if (typeof connection !== 'string') return
    // The offering side has built another connection.
    if (type === 'offer' && !this.#options.offers && connection !== this.#peer?.id) this.#connect(connection)
    if (connection === this.#peer?.id) this.#peer.receive(type, payload)
  }

  #told(payload: Payload, { isAddressed }: { isAddressed: boolean }): void {
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
        if (payload['refused'] === true) this.#refused(new Error('the other side refused the description'))
        else void this.#rebuild()
        return
      case WATCHING:
        this.#isWatching = true
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
    this.#drop()
    const { offers } = this.#options
    this.#peer = this.#options.connect({
      id,
      offers,
      signal: (type, payload) => this.#send(type, payload),
      requestOffer: () => void this.#send('custom', { openchat: NEGOTIATE, connection: id }),
      onState: (state) => this.#stateChanged(state),
      onRefused: (error) => this.#refused(error),
    })
    if (this.#peer) return this.#peer.begin()
    this.#end()
  }

  #end(): void {
    this.#isOver = true
    this.#recovery.stop()
    this.#drop()
    this.#tell('unreachable')
  }

  #drop(): void {
    const peer = this.#peer
    this.#peer = undefined
    peer?.close()
  }

  #stateChanged(state: RTCPeerConnectionState): void {
    if (state === 'connected') {
      this.#wasConnected = true
      this.#refusals = 0
      this.#tell('connected')
    } else if (this.#state !== 'unreachable') this.#tell(this.#wasConnected ? 'reconnecting' : 'connecting')
    this.#recovery.stateChanged(state)
  }

  async #restart(): Promise<void> {
    const peer = this.#peer
    if (!peer) return
    await this.#options.refresh()
    if (peer !== this.#peer) return
    if (!this.#options.offers)
      return void this.#send('custom', { openchat: NEGOTIATE, connection: peer.id, restart: true })
    // An offer that nobody has answered holds every other back.
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

  /** Two that refuse each other's descriptions begin anew, and not for ever. */
  #refused(error: unknown): void {
    this.#refusals += 1
    const { offers, onFailure } = this.#options
    if (!offers && this.#peer) {
      void this.#send('custom', { openchat: REBUILD, connection: this.#peer.id, refused: true })
    }
    if (this.#refusals >= REFUSALS_MAX) {
      this.#end()
      onFailure({ refusal: error, evidence: undefined })
    } else if (offers) this.#connect(randomId())
  }

  #giveUp(): void {
    this.#tell('unreachable')
    this.#options.onFailure({ refusal: undefined, evidence: this.#peer?.evidence })
  }

  #tell(state: ConnectionState): void {
    if (state === this.#state) return
    this.#state = state
    this.#options.onState(state)
  }

  #greetIn(delay: number, then: number): void {
    clearTimeout(this.#greeting)
    this.#greeting = setTimeout(() => {
      if (!this.#isParticipant) return this.#options.onStranger()
      if (!this.#peer && !this.#isWatching && !this.#isOver) void this.#send('custom', { openchat: HELLO })
      this.#greetIn(then, Math.min(2 * then, HELLO_INTERVAL_MAX))
    }, delay)
  }
}
