import type { SignalType } from '../model.ts'
import { randomId } from '../random-id.ts'
import type { ConnectionState, MediaSource } from './media.ts'

type Payload = Readonly<Record<string, unknown>>

/** What somebody publishes, to be sent to everybody. */
export interface Outgoing {
  readonly source: MediaSource
  readonly track: MediaStreamTrack
  /** Names the source to the other side by its id; the same for every track of a source. */
  readonly stream: MediaStream
}

export interface PeerOptions {
  readonly configuration: RTCConfiguration
  /** Whether this side gives way when both offer at once. Exactly one of the two is. */
  readonly polite: boolean
  /** Resolves when it is on its way; in order. Never rejects. */
  signal(type: SignalType, payload: Payload): Promise<void>
  onTrack(source: MediaSource, track: MediaStreamTrack): void
  onTrackEnd(track: MediaStreamTrack): void
  onState(state: ConnectionState): void
  /** The way is broken, and a restart is about to be tried. */
  onBroken(): void
  onError(error: unknown): void
}

/** Milliseconds that a connection may be `disconnected` before it is restarted: often it comes back by itself. */
const PATIENCE = 3_000
/** Milliseconds between restarts of a connection that does not come about. */
const RESTART_INTERVAL = 10_000

/**
 * A connection to one other participant, by perfect negotiation: each side offers whenever it has changed something, and
 * of two offers at once the polite side's gives way.
 *
 * @see https://www.w3.org/TR/webrtc/#perfect-negotiation-example
 */
export class Peer {
  readonly #options: PeerOptions
  readonly #connection: RTCPeerConnection
  /** One for each source, for ever: transceivers cannot be taken back. */
  readonly #senders = new Map<MediaSource, { readonly transceiver: RTCRtpTransceiver; readonly streamId: string }>()
  readonly #received = new Set<MediaStreamTrack>()
  /** What the other side calls its streams. */
  #sources: Readonly<Record<string, unknown>> = {}
  #candidates: RTCIceCandidateInit[] = []
  /** Names the last offer: an answer to one before it, or a second one to the same, is of no use. */
  #offerId = ''
  #making = false
  #ignored = false
  #answering = false
  #wasConnected = false
  #state: ConnectionState | undefined
  #turn: Promise<void> = Promise.resolve()
  #sent: Promise<void> = Promise.resolve()
  #restart: ReturnType<typeof setTimeout> | undefined

  constructor(options: PeerOptions) {
    this.#options = options
    this.#connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle', ...options.configuration })
    const connection = this.#connection
    connection.onnegotiationneeded = () => void this.#offer()
    connection.onicecandidate = ({ candidate }) => candidate?.candidate && this.#gather(candidate.toJSON())
    connection.onconnectionstatechange = () => this.#stateChanged()
    connection.ontrack = ({ track, streams: [stream] }) => this.#trackCame(track, stream)
    // The way is there before anybody has something to show, and while everybody is muted.
    connection.createDataChannel('way', { negotiated: true, id: 0 })
    this.#tell('connecting')
    this.#restartIn(RESTART_INTERVAL)
  }

  /** Sends a source, or another track for it. */
  async send({ source, track, stream }: Outgoing): Promise<void> {
    const known = this.#senders.get(source)
    if (!known) {
      const transceiver = this.#connection.addTransceiver(track, { direction: 'sendonly', streams: [stream] })
      this.#senders.set(source, { transceiver, streamId: stream.id })
      return
    }
    await known.transceiver.sender.replaceTrack(track)
    known.transceiver.direction = 'sendonly'
  }

  async cease(source: MediaSource): Promise<void> {
    const transceiver = this.#senders.get(source)?.transceiver
    if (!transceiver) return
    transceiver.direction = 'inactive'
    await transceiver.sender.replaceTrack(null)
  }

  /** Goes on with other servers and credentials from the next restart on. */
  configure(configuration: RTCConfiguration): void {
    this.#connection.setConfiguration({ bundlePolicy: 'max-bundle', ...configuration })
  }

  get isConnected(): boolean {
    return this.#connection.connectionState === 'connected'
  }

  /** Looks for a new way. */
  restart(): void {
    this.#connection.restartIce()
    // An offer that nobody has answered holds every other back.
    if (this.#connection.signalingState === 'have-local-offer') this.#sendDescription(this.#offerId)
  }

  /** Signals of the other side, one after the other. */
  receive(type: SignalType, payload: Payload): void {
    this.#turn = this.#turn.then(async () => {
      try {
        if (this.#connection.signalingState === 'closed') return
        if (type === 'candidate') await this.#addCandidates(payload)
        else if (type === 'offer' || type === 'answer') await this.#describe(type, payload)
      } catch (error) {
        this.#options.onError(error)
      }
    })
  }

  close(): void {
    clearTimeout(this.#restart)
    this.#connection.onconnectionstatechange = null
    this.#connection.close()
    for (const track of this.#received) this.#trackWent(track)
    this.#tell('disconnected')
  }

  async #offer(): Promise<void> {
    try {
      this.#making = true
      this.#offerId = randomId()
      await this.#connection.setLocalDescription()
      this.#sendDescription(this.#offerId)
    } catch (error) {
      if (this.#connection.signalingState !== 'closed') this.#options.onError(error)
    } finally {
      this.#making = false
    }
  }

  async #describe(type: 'offer' | 'answer', payload: Payload): Promise<void> {
    const connection = this.#connection
    const isReady = !this.#making && (connection.signalingState === 'stable' || this.#answering)
    this.#ignored = type === 'offer' && !isReady && !this.#options.polite
    if (this.#ignored) return
    if (type === 'answer' && !this.#isAwaited(payload)) return
    this.#sources = isRecord(payload['sources']) ? payload['sources'] : {}
    this.#answering = type === 'answer'
    try {
      await connection.setRemoteDescription({ type, sdp: String(payload['sdp']) })
    } finally {
      this.#answering = false
    }
    if (type === 'answer') return
    await connection.setLocalDescription()
    this.#sendDescription(payload['offer'])
  }

  #isAwaited({ offer }: Payload): boolean {
    // Only this package names its offers.
    return this.#connection.signalingState === 'have-local-offer' && (offer === undefined || offer === this.#offerId)
  }

  async #addCandidates(payload: Payload): Promise<void> {
    const candidates = Array.isArray(payload['candidates']) ? payload['candidates'] : [payload]
    for (const candidate of candidates as RTCIceCandidateInit[]) {
      try {
        await this.#connection.addIceCandidate(candidate)
      } catch (error) {
        if (!this.#ignored) this.#options.onError(error)
      }
    }
  }

  #sendDescription(offer: unknown): void {
    const description = this.#connection.localDescription
    if (!description) return
    const sources = Object.fromEntries([...this.#senders].map(([source, { streamId }]) => [streamId, source]))
    this.#send(description.type as 'offer' | 'answer', { type: description.type, sdp: description.sdp, sources, offer })
  }

  #send(type: SignalType, payload: Payload): void {
    this.#sent = this.#options.signal(type, payload)
  }

  /** What is found while the last message is on its way goes with the next. */
  #gather(candidate: RTCIceCandidateInit): void {
    if (this.#candidates.push(candidate) > 1) return
    void this.#sent.then(() => {
      if (this.#connection.signalingState === 'closed') return
      const candidates = this.#candidates
      this.#candidates = []
      this.#send('candidate', { candidates })
    })
  }

  #trackCame(track: MediaStreamTrack, stream: MediaStream | undefined): void {
    const named = stream && this.#sources[stream.id]
    const source = isSource(named) ? named : track.kind === 'audio' ? 'microphone' : 'camera'
    this.#received.add(track)
    this.#options.onTrack(source, track)
    stream?.addEventListener('removetrack', (event) => event.track === track && this.#trackWent(track))
  }

  #trackWent(track: MediaStreamTrack): void {
    if (this.#received.delete(track)) this.#options.onTrackEnd(track)
  }

  #stateChanged(): void {
    clearTimeout(this.#restart)
    switch (this.#connection.connectionState) {
      case 'connected':
        this.#wasConnected = true
        return this.#tell('connected')
      case 'disconnected':
        this.#tell('reconnecting')
        return this.#restartIn(PATIENCE)
      case 'failed':
        this.#tell('reconnecting')
        return this.#restartIn(0)
      default:
        this.#tell(this.#wasConnected ? 'reconnecting' : 'connecting')
        this.#restartIn(RESTART_INTERVAL)
    }
  }

  #tell(state: ConnectionState): void {
    if (state === this.#state) return
    this.#state = state
    this.#options.onState(state)
  }

  /** Again and again until the way is there, or the room's stream says that the other side has gone. */
  #restartIn(delay: number): void {
    this.#restart = setTimeout(() => {
      this.#options.onBroken()
      this.restart()
      this.#restartIn(RESTART_INTERVAL)
    }, delay)
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
const isSource = (value: unknown): value is MediaSource =>
  value === 'camera' || value === 'microphone' || value === 'screen'
