import { waitAtMost } from './backoff.ts'
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
import { joinInput } from './inputs.ts'
import type { ConnectionState, MediaHost, MediaSession, MediaSource, OpenMedia, Track } from './media/media.ts'
import type { Connection, Participant, Room, RoomUpdate } from './model.ts'
import { ConnectionRenewal } from './connection-renewal.ts'
import { MediaAnnouncer } from './media-announcer.ts'
import { affectedBy, endedReasonOf, PARTICIPANT_EVENTS } from './room-updates.ts'
import { SignalSender } from './signal-sender.ts'
import type { SeatHolder, Session } from './tab-seat.ts'
import type { ConnectionInfo, PeerConnection } from './connection-info.ts'
import { hasTurn } from './media/diagnosis.ts'
import type { Socket } from './socket.ts'

/** The gateway's response to a join. */
export interface JoinResult {
  readonly room: Room
  readonly participant: Participant
  readonly connection: Connection
}

export interface RoomSessionOptions {
  readonly gateway: Gateway
  readonly socket: Socket
  readonly emitter: Emitter
  readonly joined: JoinResult
  readonly deviceId: string
  readonly session: Session
  readonly rtcConfiguration: RTCConfiguration
  /** The session ended by itself, not by `close`. Must not throw. */
  onEnd(): void
}

/** Milliseconds. */
const ANNOUNCE_TIMEOUT = 3_000
/** Seconds after `pagehide` within which a reloaded page can rejoin before the leave takes effect. */
const RELOAD_GRACE = 8

/** One session in one room, from the join to its end: the room's streams, the media and the published state. */
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
   * Subscribes to the room before it opens the media: from then on the gateway detects a lost client, however long the
   * media takes.
   *
   * @throws RtcError when the media cannot be loaded or opened; ROOM_ENDED when the session ends before the media is
   * open
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
    if (session.#isClosing) throw new RtcError('ROOM_ENDED', 'Another client of this tab has joined the room.')
    session.#renewal.schedule(options.joined.connection.expiresAt)
    // The page before the reload may have announced another state.
    session.#announcer.announceInBackground()
    return session
  }

  /** The room as of the last event. */
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
    const { announced } = this.#announcer
    const input = joinInput({ roomId: this.#room.id, deviceId, sessionId: session.id, ...announced })
    // Best effort: otherwise the gateway detects the lost stream of the other client.
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
      throw new RtcError('FORBIDDEN', 'An observer cannot publish.')
    }
    await this.#runOnMedia((media) => media.publish(source, enabled))
    this.#announcer.setPublished(source, enabled)
    // The media works without it; while the gateway is unreachable, the announcement continues in the background.
    await waitAtMost(ANNOUNCE_TIMEOUT, this.#announcer.announce())
  }

  /** @throws RtcError as {@link MediaSession.selectDevice} */
  selectDevice(source: 'camera' | 'microphone', deviceId: string): Promise<void> {
    return this.#runOnMedia((media) => media.selectDevice(source, deviceId))
  }

  /**
   * Closes the media, then sends the leave, then closes the streams: the media stops at once, and the gateway does not
   * mistake the closed stream for a lost connection. Throws what `sendLeave` throws.
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
      throw new RtcError('ROOM_ENDED', 'The session ended before its media was open.')
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

  /** Sends a delayed leave when the page unloads; a page restored from the back/forward cache rejoins. */
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

  /** The mailbox keeps the signals that were sent before this subscription. */
  #followSignals(): void {
    this.#subscribe(SignalsDocument, this.#signalCursor, {
      next: ({ signals }) => {
        const { seq, fromId, type, payload } = signalOf(signals)
        this.#signalCursor.after = seq
        if (!this.#isClosing) this.#media?.signalled(fromId, type, payload)
      },
      refused: (error) => {
        // The room's own stream reports the end of the session.
        const isOver = error.code === 'FORBIDDEN' || error.code === 'ROOM_ENDED'
        if (!isOver) this.#options.emitter.emit('error', error)
      },
    })
  }

  /** Subscribes until the session is closed. */
  #subscribe<Result, Cursor extends object>(
    document: TypedDocumentString<Result, Cursor>,
    cursor: Cursor,
    { next, refused }: { next: (result: Result) => void; refused: (error: RtcError) => void },
  ): void {
    const { signal } = this.#closed
    const unsubscribe = this.#options.socket.subscribe(document, cursor, {
      next,
      refused: (error) => {
        signal.removeEventListener('abort', unsubscribe)
        if (!this.#isClosing) refused(error)
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
    const name = PARTICIPANT_EVENTS[type]
    if (name) for (const participant of affected) emitter.emit(name, { participant, room })
    const { seat } = this.#options.session
    // A session of this tab does not end this one: the tab's seat decides which of its clients stays.
    const reason = endedReasonOf(update, {
      userId: this.userId,
      isOwnSession: (sessionId) => seat.isOwnSession(sessionId),
    })
    if (reason) void this.#finish(reason)
  }

  #onStreamRefused(error: RtcError): void {
    // A participant removed while disconnected may no longer read the room.
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
    // Before the media is open, `begin` rejects instead.
    if (hadMedia) emitter.emit('ended', { room: this.#room, reason })
  }

  /** Serializes operations on the media, so that a camera is never opened and closed concurrently. */
  async #runOnMedia(act: (media: MediaSession) => Promise<void>): Promise<void> {
    const done = this.#mediaTail.then(async () => {
      if (!this.#media || this.#isClosing) throw new RtcError('INVALID_STATE', 'The room has been left.')
      await act(this.#media)
    })
    this.#mediaTail = done.catch(() => undefined)
    await done
  }
}
