import { waitAtMost, backoff, pause } from './backoff.ts'
import { signalOf, updateOf } from './convert.ts'
import { RtcError, toRtcError } from './errors.ts'
import type { EndedReason, Emitter } from './events.ts'
import type { Gateway } from './gateway.ts'
import {
  JoinRoomDocument,
  LeaveRoomDocument,
  RoomUpdatedDocument,
  SignalsDocument,
  type TypedDocumentString,
} from './generated/graphql.ts'
import type { ConnectionState, MediaHost, MediaSession, MediaSource, OpenMedia, Track } from './media/media.ts'
import type { Connection, Participant, Room, RoomUpdate } from './model.ts'
import { ConnectionRenewal } from './connection-renewal.ts'
import { MediaAnnouncer } from './media-announcer.ts'
import { affectedBy, endedReasonOf, hasParticipantEvent, PARTICIPANT_EVENTS } from './room-updates.ts'
import { SignalSender } from './signal-sender.ts'
import type { SeatHolder, Session } from './tab-seat.ts'
import type { ConnectionInfo, PeerConnection } from './connection-info.ts'
import { hasTurn } from './media/diagnosis.ts'
import type { Socket } from './socket.ts'

/** A join's answer. */
export interface JoinResult {
  readonly room: Room
  readonly participant: Participant
  readonly connection: Connection
}

export interface RoomSessionOptions {
  readonly gateway: Gateway
  readonly socket: Socket
  readonly emitter: Emitter
  /** As the join has answered. */
  readonly joined: JoinResult
  readonly deviceId: string
  readonly session: Session
  readonly rtcConfiguration: RTCConfiguration
  /** The stay is over for another reason than `close`. Must not throw. */
  onEnd(): void
}

/** Milliseconds. */
const ANNOUNCE_TIMEOUT = 3_000
/** Seconds that a page which is reloaded has until it must be back. */
const RELOAD_GRACE = 8

/** One stay in one room, from the join to whatever ends it: its streams, its media, what it says it publishes. */
export class RoomSession implements SeatHolder {
  readonly #options: RoomSessionOptions
  readonly #closed = new AbortController()
  readonly #tracks = new Set<Track>()
  readonly #cursor: { roomId: string; deviceId: string; after: number }
  readonly #signalCursor: { roomId: string; after?: number }
  #room: Room
  #media: MediaSession | undefined
  #mediaTail: Promise<unknown> = Promise.resolve()
  #isClosing = false
  readonly #announcer: MediaAnnouncer
  readonly #signals: SignalSender
  readonly #renewal: ConnectionRenewal
  readonly #peers = new Map<string, PeerConnection>()
  #mediaStartedAt: number | undefined

  private constructor(options: RoomSessionOptions) {
    const { gateway, emitter } = options
    const { room, participant } = options.joined
    const onError = (error: RtcError) => emitter.emit('error', error)
    this.#options = options
    this.#room = room
    this.#announcer = new MediaAnnouncer({
      gateway,
      roomId: room.id,
      announced: { audio: participant.audio, video: participant.video },
      onError: (error) => onError(toRtcError(error, 'INTERNAL')),
    })
    this.#signals = new SignalSender({ gateway, roomId: room.id, signal: this.#closed.signal, onError })
    this.#renewal = new ConnectionRenewal({
      gateway,
      roomId: room.id,
      apply: (connection) => this.#runOnMedia((media) => media.renew(connection)),
      onError,
    })
    this.#cursor = { roomId: room.id, deviceId: options.deviceId, after: room.seq }
    this.#signalCursor = { roomId: room.id }
  }

  /**
   * The room's stream first: from then on the gateway notices if this client is gone, however long the media takes.
   *
   * @throws RtcError what loading and opening the media throws; ROOM_ENDED when it is over before the media is there
   */
  static async begin(options: RoomSessionOptions, loadMedia: () => Promise<OpenMedia>): Promise<RoomSession> {
    const session = new RoomSession(options)
    session.#followRoom()
    session.#watchPage()
    try {
      await session.#openMedia(await loadMedia())
    } catch (error) {
      await session.close()
      throw error
    }
    options.session.seat.assign(session)
    if (session.#isClosing) throw new RtcError('ROOM_ENDED', 'Another client of this tab has taken the seat.')
    session.#renewal.schedule(options.joined.connection.expiresAt)
    // The page before this one may have said otherwise.
    session.#announcer.announceInBackground()
    return session
  }

  /** As of the last event. */
  get room(): Room {
    return this.#room
  }

  get userId(): string {
    return this.#options.joined.connection.userId
  }

  get session(): Session {
    return this.#options.session
  }

  superseded(): void {
    void this.#finish('replaced')
  }

  async reclaim(): Promise<void> {
    const { gateway, deviceId, session } = this.#options
    const input = {
      roomId: this.#room.id,
      deviceId,
      sessionId: session.id,
      expectStream: true,
      mesh: true,
      ...this.#announcer.announced,
    }
    // If the gateway cannot be told, it notices by itself that the other client is gone.
    await session.seat.request(() => gateway.request(JoinRoomDocument, { input })).catch(() => undefined)
  }

  get tracks(): readonly Track[] {
    return [...this.#tracks]
  }

  get connectionInfo(): ConnectionInfo {
    const { joined, rtcConfiguration } = this.#options
    const { provider, iceServers } = joined.connection
    return {
      provider,
      hasTurn: provider === 'webrtc' ? hasTurn(rtcConfiguration.iceServers ?? iceServers) : null,
      mediaStartedAt: this.#mediaStartedAt,
      peers: new Map(this.#peers),
    }
  }

  /** @throws RtcError FORBIDDEN for an observer, and as {@link MediaSession.publish} */
  async publish(source: MediaSource, enabled: boolean): Promise<void> {
    if (this.#options.joined.participant.role === 'observer') {
      throw new RtcError('FORBIDDEN', 'An observer watches and listens.')
    }
    await this.#runOnMedia((media) => media.publish(source, enabled))
    this.#announcer.setPublished(source, enabled)
    // While the gateway cannot be reached, it is said later: the media does not need it.
    await waitAtMost(ANNOUNCE_TIMEOUT, this.#announcer.announce())
  }

  /** @throws RtcError as {@link MediaSession.selectDevice} */
  selectDevice(source: 'camera' | 'microphone', deviceId: string): Promise<void> {
    return this.#runOnMedia((media) => media.selectDevice(source, deviceId))
  }

  /**
   * Ends the media, then the streams. The farewell comes in between: nobody is seen or heard after they have pressed the
   * button, and nobody seems lost who has left. Throws what the farewell throws.
   */
  async close(sendLeave?: () => Promise<void>): Promise<void> {
    if (this.#isClosing) return
    this.#isClosing = true
    this.#announcer.stop()
    this.#renewal.stop()
    await this.#media?.close()
    try {
      await sendLeave?.()
    } finally {
      this.#closed.abort()
      this.#options.session.seat.release(this)
    }
  }

  async #openMedia(openMedia: OpenMedia): Promise<void> {
    const media = await openMedia(this.#mediaHost())
    if (this.#isClosing) {
      await media.close()
      throw new RtcError('ROOM_ENDED', 'The room was over before its media was there.')
    }
    this.#media = media
    media.others(this.#others())
    if (this.#options.joined.connection.provider === 'webrtc') this.#followSignals()
  }

  #mediaHost(): MediaHost {
    const { emitter, joined, rtcConfiguration } = this.#options
    return {
      connection: joined.connection,
      others: this.#others(),
      rtcConfiguration,
      signal: (toId, type, payload) => this.#signals.send(toId, type, payload),
      refreshConnection: () => this.#renewal.refresh(),
      trackAdded: (track) => {
        this.#tracks.add(track)
        emitter.emit('trackAdded', track)
      },
      trackRemoved: (track) => {
        if (this.#tracks.delete(track)) emitter.emit('trackRemoved', track)
      },
      stateChanged: (userId, state) => this.#mediaStateChanged(userId, state),
      unpublished: (source) => {
        this.#announcer.setPublished(source, false)
        this.#announcer.announceInBackground()
      },
      deviceFallback: (source, deviceId) => emitter.emit('deviceFallback', { source, deviceId }),
      failed: (error) => {
        const { peer } = error
        if (peer) this.#peers.set(peer.userId, { state: 'unreachable', reason: peer.reason })
        emitter.emit('error', error)
      },
    }
  }

  #mediaStateChanged(userId: string | null, state: ConnectionState): void {
    const { emitter } = this.#options
    if (userId !== null) {
      if (state === 'disconnected') this.#peers.delete(userId)
      else this.#peers.set(userId, { state, reason: null })
    }
    emitter.emit('connectionStateChanged', { of: 'media', userId, state })
    if (state !== 'connected' || this.#mediaStartedAt !== undefined) return
    this.#mediaStartedAt = Date.now()
    emitter.emit('mediaStarted', { at: this.#mediaStartedAt })
  }

  #others(): Participant[] {
    return this.#room.participants.filter(({ userId, state }) => state === 'joined' && userId !== this.userId)
  }

  /** A page that closes says so; one that is back, after a reload or from the browser's cache, takes it back. */
  #watchPage(): void {
    if (!('window' in globalThis)) return
    const { signal } = this.#closed
    const onPageHide = () => {
      const { gateway, session } = this.#options
      const input = { roomId: this.#room.id, sessionId: session.id, after: RELOAD_GRACE }
      if (!this.#isClosing) gateway.sendAndForget(LeaveRoomDocument, { input })
    }
    const onPageShow = ({ persisted }: PageTransitionEvent) => {
      if (persisted && !this.#isClosing) void this.reclaim()
    }
    window.addEventListener('pagehide', onPageHide, { signal })
    window.addEventListener('pageshow', onPageShow, { signal })
  }

  #followRoom(): void {
    this.#subscribe(RoomUpdatedDocument, this.#cursor, {
      next: ({ roomUpdated }) => this.#onUpdate(updateOf(roomUpdated)),
      refused: (error) => this.#onStreamRefused(error),
    })
  }

  /** What was signalled before is kept by the gateway. */
  #followSignals(): void {
    this.#subscribe(SignalsDocument, this.#signalCursor, {
      next: ({ signals }) => {
        const { seq, fromId, type, payload } = signalOf(signals)
        this.#signalCursor.after = seq
        if (!this.#isClosing) this.#media?.signalled(fromId, type, payload)
      },
      refused: (error) => {
        // The end of the stay is told by the room's own stream.
        const isOver = error.code === 'FORBIDDEN' || error.code === 'ROOM_ENDED'
        if (!isOver) this.#options.emitter.emit('error', error)
      },
    })
  }

  /** Until the stay is over. A stream that is completed before has a gateway that expects its reader back. */
  #subscribe<Result, Cursor extends object>(
    document: TypedDocumentString<Result, Cursor>,
    cursor: Cursor,
    { next, refused }: { next: (result: Result) => void; refused: (error: RtcError) => void },
  ): void {
    const { signal } = this.#closed
    const resubscribe = async () => {
      await pause(backoff(1), signal)
      if (!signal.aborted) this.#subscribe(document, cursor, { next, refused })
    }
    const unsubscribe = this.#options.socket.subscribe(document, cursor, {
      next,
      end: (error) => {
        signal.removeEventListener('abort', unsubscribe)
        if (this.#isClosing) return
        if (error) refused(error)
        else void resubscribe()
      },
    })
    signal.addEventListener('abort', unsubscribe)
  }

  #onUpdate(update: RoomUpdate): void {
    const { emitter } = this.#options
    const { type, room } = update
    const affected = affectedBy(update, this.#room)
    this.#cursor.after = update.seq
    this.#room = room
    if (!this.#isClosing) this.#media?.others(this.#others())
    emitter.emit('roomUpdated', update)
    if (hasParticipantEvent(type)) {
      for (const participant of affected) emitter.emit(PARTICIPANT_EVENTS[type], { participant, room })
    }
    const { seat } = this.#options.session
    // Clients of this tab are told by their seat: the session of one that fails is not there to stay.
    const reason = endedReasonOf(update, {
      userId: this.userId,
      isOwnSession: (sessionId) => seat.isOwnSession(sessionId),
    })
    if (reason) void this.#finish(reason)
  }

  #onStreamRefused(error: RtcError): void {
    // Somebody removed while away may not read what has happened to them.
    if (error.code === 'FORBIDDEN') return void this.#finish('removed')
    this.#options.emitter.emit('error', error)
    void this.#finish('disconnected')
  }

  async #finish(reason: EndedReason): Promise<void> {
    if (this.#isClosing) return
    const { emitter, onEnd } = this.#options
    const hadMedia = this.#media !== undefined
    const closed = this.close()
    onEnd()
    await closed
    // Whoever is still joining is told by the joining.
    if (hadMedia) emitter.emit('ended', { room: this.#room, reason })
  }

  /** One after the other: a camera that is being opened is not closed at the same time. */
  async #runOnMedia(act: (media: MediaSession) => Promise<void>): Promise<void> {
    const done = this.#mediaTail.then(async () => {
      if (!this.#media || this.#isClosing) throw new RtcError('INVALID_STATE', 'The room has been left.')
      await act(this.#media)
    })
    this.#mediaTail = done.catch(() => undefined)
    await done
  }
}
