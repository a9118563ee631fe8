import type { SignalType } from '../model.ts'
import { randomId } from '../random-id.ts'
import type { IceEvidence } from './diagnosis.ts'
import type { MediaSource } from './media.ts'

type Payload = Readonly<Record<string, unknown>>

/** A local track to send to every peer. */
export interface OutgoingTrack {
  readonly source: MediaSource
  readonly track: MediaStreamTrack
  /** Receivers play the tracks of one stream in sync. */
  readonly stream: MediaStream
}

export interface PeerOptions {
  /** Identifies the connection on both sides; a rebuilt connection has a new id. */
  readonly id: string
  /** Whether this side makes the offers. Exactly one of the two does. */
  readonly offers: boolean
  readonly configuration: RTCConfiguration
  /** Sends in order; resolves when the gateway has the signal. Never rejects. */
  signal(type: SignalType, payload: Payload): Promise<void>
  /** The answering side needs renegotiation: ask the other side for an offer. */
  requestOffer(): void
  onTrack(source: MediaSource, track: MediaStreamTrack): void
  onTrackEnd(track: MediaStreamTrack): void
  onState(state: RTCPeerConnectionState): void
  /** The browser rejected a description; the connection is unusable. */
  onRefused(error: unknown): void
}

/** The m-lines of every description, in this order. Publishing a source changes only the direction of its m-line. */
const MEDIA_SECTIONS = [
  ['microphone', 'audio'],
  ['camera', 'video'],
  ['screen', 'video'],
] as const satisfies readonly (readonly [MediaSource, 'audio' | 'video'])[]

/** Milliseconds until an unanswered offer, or request for one, is repeated; doubles each time. */
const REPEAT_INTERVAL = 15_000

/**
 * One RTCPeerConnection to another participant. Only one side makes offers, one at a time; the other side requests an
 * offer when it needs renegotiation. This avoids offer collisions and therefore rollback: Chromium does not recover
 * from rolling back a first offer (it gathers no candidates, its answer mixes ICE credentials of two generations, and
 * the SCTP transport does not start).
 */
export class Peer {
  readonly #options: PeerOptions
  readonly #connection: RTCPeerConnection
  readonly #transceivers = new Map<MediaSource, RTCRtpTransceiver>()
  readonly #outgoing = new Map<MediaSource, OutgoingTrack>()
  readonly #received = new Map<MediaSource, MediaStreamTrack>()
  readonly #evidence: { -readonly [Key in keyof IceEvidence]: IceEvidence[Key] } = { relays: 0, errors: [] }
  #pendingCandidates: RTCIceCandidateInit[] = []
  /** Id of the last offer made (offering side) or answered (answering side). */
  #lastOfferId: unknown = undefined
  /** Something changed since the last offer. */
  #negotiationNeeded = false
  #restartNeeded = false
  #repeatTimer: ReturnType<typeof setTimeout> | undefined
  /** Tail of the operations on the connection: one at a time, in order. */
  #tail: Promise<void> = Promise.resolve()
  #lastSignal: Promise<void> = Promise.resolve()

  /** @throws what the browser throws if it rejects the configuration */
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

  /** What the browser reported while it gathered relay candidates. */
  get evidence(): IceEvidence {
    return this.#evidence
  }

  /** Sends a source, or replaces its track. */
  send(outgoing: OutgoingTrack): Promise<void> {
    return this.#setOutgoing(outgoing.source, outgoing)
  }

  stopSending(source: MediaSource): Promise<void> {
    return this.#setOutgoing(source, undefined)
  }

  /** Sets servers and credentials, effective from the next ICE restart. */
  configure(configuration: RTCConfiguration): void {
    this.#connection.setConfiguration({ bundlePolicy: 'max-bundle', ...configuration })
  }

  /** On the offering side, makes the first offer, with every source that is published by now. */
  begin(): void {
    if (this.#options.offers) this.negotiate()
  }

  /** Offering side: makes an offer, or the next one as soon as the pending one is answered. */
  negotiate({ restart = false }: { restart?: boolean } = {}): void {
    this.#negotiationNeeded = true
    this.#restartNeeded ||= restart
    void this.#enqueue(() => this.#offer())
  }

  /** Offering side: repeats an unanswered offer. */
  repeat(): void {
    void this.#enqueue(async () => {
      if (this.#isUnanswered) this.#sendDescription()
    })
  }

  /** Handles the other side's signals, one at a time. */
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

  /** Runs operations one at a time. A failure makes the connection unusable; failures while closing are ignored. */
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
      // Queued after the changes that are waiting already, so that one offer carries them all.
      if (this.#options.offers) this.negotiate()
      else void this.#enqueue(() => this.#sendOfferRequest())
      this.#negotiationNeeded = true
    })
  }

  /** Answering side: requests an offer; the answer to it carries the change. */
  async #sendOfferRequest(): Promise<void> {
    if (!this.#negotiationNeeded) return
    this.#negotiationNeeded = false
    this.#options.requestOffer()
    this.#scheduleRepeat(REPEAT_INTERVAL, () => this.#options.requestOffer())
  }

  /** @returns whether the change needs renegotiation */
  async #applyToTransceiver(source: MediaSource): Promise<boolean> {
    const transceiver = this.#transceivers.get(source)
    if (!transceiver) return false
    const outgoing = this.#outgoing.get(source)
    const direction = outgoing ? 'sendrecv' : 'recvonly'
    // `setStreams` is missing in some supported browsers; without it, only lip sync is lost.
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

  /** Repeats a message that got no answer, with doubling delay: the mailbox keeps a signal only for a limited time. */
  #scheduleRepeat(delay: number, send: () => void): void {
    clearTimeout(this.#repeatTimer)
    this.#repeatTimer = setTimeout(() => {
      send()
      this.#scheduleRepeat(2 * delay, send)
    }, delay)
  }

  async #acceptAnswer({ sdp, offer }: Payload): Promise<void> {
    // A duplicate answer to a repeated offer, or an answer to an earlier offer.
    if (!this.#isUnanswered || offer !== this.#lastOfferId) return
    clearTimeout(this.#repeatTimer)
    await this.#connection.setRemoteDescription({ type: 'answer', sdp: String(sdp) })
    this.#updateReceived()
    await this.#offer()
  }

  async #acceptOffer({ sdp, offer }: Payload): Promise<void> {
    // A repeated offer: the answer is in flight, or was lost.
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

  /** Ignores candidates that the browser rejects; the connection state tells whether the remaining ones suffice. */
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

  /** Batches candidates while the previous message is in flight. */
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

  /** Adds and removes received tracks according to the negotiated directions. */
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
