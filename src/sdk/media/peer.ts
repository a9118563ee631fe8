import type { SignalType } from '../model.ts'
import { randomId } from '../random-id.ts'
import type { IceEvidence } from './diagnosis.ts'
import type { MediaSource } from './media.ts'

type Payload = Readonly<Record<string, unknown>>

/** What somebody publishes, to be sent to everybody. */
export interface OutgoingTrack {
  readonly source: MediaSource
  readonly track: MediaStreamTrack
  /** Receivers play the tracks of one stream in sync. */
  readonly stream: MediaStream
}

export interface PeerOptions {
  /** Names the connection at both sides; a rebuilt one has another. */
  readonly id: string
  /** Whether this side makes the offers. Exactly one of the two does. */
  readonly offers: boolean
  readonly configuration: RTCConfiguration
  /** Resolves when the gateway has it; in order. Never rejects. */
  signal(type: SignalType, payload: Payload): Promise<void>
  /** The answering side needs another offer. */
  requestOffer(): void
  onTrack(source: MediaSource, track: MediaStreamTrack): void
  onTrackEnd(track: MediaStreamTrack): void
  onState(state: RTCPeerConnectionState): void
  /** A description was refused; the connection is of no use any more. */
  onRefused(error: unknown): void
}

/** Each source has one section of every description, in this order; switching it changes the section's direction only. */
const MEDIA_SECTIONS = [
  ['microphone', 'audio'],
  ['camera', 'video'],
  ['screen', 'video'],
] as const satisfies readonly (readonly [MediaSource, 'audio' | 'video'])[]

/** Milliseconds until an offer, or a request for one, is repeated; each time twice as long. */
const REPEAT_INTERVAL = 15_000

/**
 * One RTCPeerConnection to another participant. Only one side offers, and never before its last offer was answered; the
 * other side asks for an offer when it has something to change. So two offers never meet and nothing is ever rolled back:
 * Chromium does not recover from the rollback of a first offer (no candidates are gathered, the answer mixes the ICE
 * credentials of two generations, the SCTP transport does not start).
 */
export class Peer {
  readonly #options: PeerOptions
  readonly #connection: RTCPeerConnection
  readonly #transceivers = new Map<MediaSource, RTCRtpTransceiver>()
  readonly #outgoing = new Map<MediaSource, OutgoingTrack>()
  readonly #received = new Map<MediaSource, MediaStreamTrack>()
  readonly #evidence: { -readonly [Key in keyof IceEvidence]: IceEvidence[Key] } = { relays: 0, errors: [] }
  #pendingCandidates: RTCIceCandidateInit[] = []
  /** The last offer that was made or answered. */
  #lastOfferId: unknown = undefined
  /** Something has changed since the last offer was made. */
  #negotiationNeeded = false
  #restartNeeded = false
  #repeatTimer: ReturnType<typeof setTimeout> | undefined
  /** Tail of the operations on the connection: one at a time, in order. */
  #tail: Promise<void> = Promise.resolve()
  #lastSignal: Promise<void> = Promise.resolve()

  /** @throws what the browser does when it refuses the configuration */
  constructor(options: PeerOptions) {
    this.#options = options
    this.#connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle', ...options.configuration })
    const connection = this.#connection
    connection.onicecandidate = ({ candidate }) => candidate?.candidate && this.#queueCandidate(candidate)
    connection.onicecandidateerror = ({ url, errorCode, errorText }) =>
      this.#evidence.errors.push({ url: url ?? '', code: errorCode, text: errorText })
    connection.onconnectionstatechange = () => options.onState(connection.connectionState)
    if (!options.offers) return
    for (const [source, kind] of MEDIA_SECTIONS) {
      this.#transceivers.set(source, connection.addTransceiver(kind, { direction: 'recvonly' }))
    }
  }

  get id(): string {
    return this.#options.id
  }

  get isConnected(): boolean {
    return this.#connection.connectionState === 'connected'
  }

  /** What the browser has told of its attempts to gather relay candidates. */
  get evidence(): IceEvidence {
    return this.#evidence
  }

  /** Sends a source, or another track for it. */
  send(outgoing: OutgoingTrack): Promise<void> {
    return this.#setOutgoing(outgoing.source, outgoing)
  }

  stopSending(source: MediaSource): Promise<void> {
    return this.#setOutgoing(source, undefined)
  }

  /** Takes other servers and credentials, effective from the next restart. */
  configure(configuration: RTCConfiguration): void {
    this.#connection.setConfiguration({ bundlePolicy: 'max-bundle', ...configuration })
  }

  /** Makes the first offer, if this side does, with all that is to be sent by now. */
  begin(): void {
    if (this.#options.offers) this.negotiate()
  }

  /** For the side that offers: makes an offer, or another one once the present one is answered. */
  negotiate({ restart = false }: { restart?: boolean } = {}): void {
    this.#negotiationNeeded = true
    this.#restartNeeded ||= restart
    void this.#enqueue(() => this.#offer())
  }

  /** For the side that offers: repeats an offer that nobody has answered. */
  repeat(): void {
    void this.#enqueue(async () => {
      if (this.#isUnanswered) this.#sendDescription()
    })
  }

  /** Signals of the other side, one after the other. */
  receive(type: SignalType, payload: Payload): void {
    void this.#enqueue(async () => {
      if (type === 'candidate') await this.#addCandidates(payload)
      else if (type === 'answer' && this.#options.offers) await this.#acceptAnswer(payload)
      else if (type === 'offer' && !this.#options.offers) await this.#acceptOffer(payload)
    })
  }

  close(): void {
    const connection = this.#connection
    clearTimeout(this.#repeatTimer)
    connection.onconnectionstatechange = null
    connection.close()
    for (const [source, track] of this.#received) this.#removeReceived(source, track)
  }

  /** A refused description ends the connection; what fails while it is being closed is of no interest. */
  #enqueue(act: () => Promise<void>): Promise<void> {
    this.#tail = this.#tail.then(async () => {
      if (this.#isClosed) return
      try {
        await act()
      } catch (error) {
        if (!this.#isClosed) this.#options.onRefused(error)
      }
    })
    return this.#tail
  }

  get #isUnanswered(): boolean {
    return this.#connection.signalingState === 'have-local-offer'
  }

  get #isClosed(): boolean {
    return this.#connection.signalingState === 'closed'
  }

  #setOutgoing(source: MediaSource, outgoing: OutgoingTrack | undefined): Promise<void> {
    return this.#enqueue(async () => {
      if (outgoing) this.#outgoing.set(source, outgoing)
      else this.#outgoing.delete(source)
      if (!(await this.#applyToTransceiver(source))) return
      // Behind the changes that are queued already, so that one offer carries them all.
      if (this.#options.offers) this.negotiate()
      else void this.#enqueue(() => this.#sendOfferRequest())
      this.#negotiationNeeded = true
    })
  }

  /** For the side that answers: what has changed goes with the answer to the next offer. */
  async #sendOfferRequest(): Promise<void> {
    if (!this.#negotiationNeeded) return
    this.#negotiationNeeded = false
    this.#options.requestOffer()
    this.#scheduleRepeat(REPEAT_INTERVAL, () => this.#options.requestOffer())
  }

  /** @returns whether the other side must be told */
  async #applyToTransceiver(source: MediaSource): Promise<boolean> {
    const transceiver = this.#transceivers.get(source)
    if (!transceiver) return false
    const outgoing = this.#outgoing.get(source)
    const direction = outgoing ? 'sendrecv' : 'recvonly'
    // Not in every supported browser; without it, sound and picture are merely not in sync.
    if (outgoing) (transceiver.sender as Partial<RTCRtpSender>).setStreams?.(outgoing.stream)
    await transceiver.sender.replaceTrack(outgoing?.track ?? null)
    if (transceiver.direction === direction) return false
    transceiver.direction = direction
    return true
  }

  async #offer(): Promise<void> {
    const connection = this.#connection
    if (!this.#negotiationNeeded || connection.signalingState !== 'stable') return
    const iceRestart = this.#restartNeeded
    this.#negotiationNeeded = false
    this.#restartNeeded = false
    this.#lastOfferId = randomId()
    await connection.setLocalDescription(await connection.createOffer({ iceRestart }))
    this.#sendDescription()
    this.#scheduleRepeat(REPEAT_INTERVAL, () => this.repeat())
  }

  /** The gateway keeps a signal for a while only: a message that has no effect is sent again, ever more rarely. */
  #scheduleRepeat(delay: number, send: () => void): void {
    clearTimeout(this.#repeatTimer)
    this.#repeatTimer = setTimeout(() => {
      send()
      this.#scheduleRepeat(2 * delay, send)
    }, delay)
  }

  async #acceptAnswer({ sdp, offer }: Payload): Promise<void> {
    // A second answer to a repeated offer, or one to an offer before the present one.
    if (!this.#isUnanswered || offer !== this.#lastOfferId) return
    clearTimeout(this.#repeatTimer)
    await this.#connection.setRemoteDescription({ type: 'answer', sdp: String(sdp) })
    this.#updateReceived()
    await this.#offer()
  }

  async #acceptOffer({ sdp, offer }: Payload): Promise<void> {
    // Repeated: the answer is under way, or was lost.
    if (offer === this.#lastOfferId) return this.#sendDescription()
    const connection = this.#connection
    clearTimeout(this.#repeatTimer)
    this.#negotiationNeeded = false
    await connection.setRemoteDescription({ type: 'offer', sdp: String(sdp) })
    const transceivers = connection.getTransceivers()
    for (const [index, [source]] of MEDIA_SECTIONS.entries()) {
      const transceiver = transceivers[index]
      if (transceiver) this.#transceivers.set(source, transceiver)
      await this.#applyToTransceiver(source)
    }
    await connection.setLocalDescription()
    this.#lastOfferId = offer
    this.#sendDescription()
    this.#updateReceived()
  }

  /** A candidate that the browser refuses is one way fewer; whether any way is left shows in the connection's state. */
  async #addCandidates({ candidates }: Payload): Promise<void> {
    if (!Array.isArray(candidates)) return
    for (const candidate of candidates as RTCIceCandidateInit[]) {
      await this.#connection.addIceCandidate(candidate).catch(() => undefined)
    }
  }

  #sendDescription(): void {
    const description = this.#connection.localDescription
    if (!description) return
    const { type, sdp } = description
    this.#send(type as 'offer' | 'answer', { type, sdp, offer: this.#lastOfferId })
  }

  #send(type: SignalType, payload: Payload): void {
    this.#lastSignal = this.#options.signal(type, { ...payload, connection: this.id })
  }

  /** Candidates found while the last message is on its way go together in the next. */
  #queueCandidate(candidate: RTCIceCandidate): void {
    if (candidate.type === 'relay') this.#evidence.relays += 1
    if (this.#pendingCandidates.push(candidate.toJSON()) > 1) return
    void this.#lastSignal.then(() => {
      if (this.#isClosed) return
      const candidates = this.#pendingCandidates
      this.#pendingCandidates = []
      this.#send('candidate', { candidates })
    })
  }

  /** Which sources the other side sends, as the descriptions now say. */
  #updateReceived(): void {
    for (const [source, { currentDirection, receiver }] of this.#transceivers) {
      const track = this.#received.get(source)
      const isReceived = currentDirection === 'sendrecv' || currentDirection === 'recvonly'
      if (isReceived && !track) {
        this.#received.set(source, receiver.track)
        this.#options.onTrack(source, receiver.track)
      } else if (!isReceived && track) this.#removeReceived(source, track)
    }
  }

  #removeReceived(source: MediaSource, track: MediaStreamTrack): void {
    this.#received.delete(source)
    this.#options.onTrackEnd(track)
  }
}
