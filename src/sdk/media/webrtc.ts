import { RtcError, toRtcError } from '../errors.ts'
import type { Connection, Participant, SignalType } from '../model.ts'
import { randomId } from '../random-id.ts'
import { capture, isPresent, KIND_OF_SOURCE } from './capture.ts'
import { DeviceChoice } from './device-choice.ts'
import { diagnose, messageOf } from './diagnosis.ts'
import { type LinkFailure, isHello, PeerLink, type LinkedPeerOptions, SPECTATOR } from './peer-link.ts'
import type { MediaHost, MediaSession, MediaSource, OpenMedia, Track } from './media.ts'
import { type OutgoingTrack, Peer } from './peer.ts'

/** The gateway's limit on the participants of a mesh, in which each sends to every other. */
const meshMaxOf = ({ meshMax }: Connection): number => meshMax ?? Infinity

/** Milliseconds before the ICE credentials expire within which an ICE restart renews them first. */
const EXPIRY_MARGIN = 60_000

/** Media peer to peer: one connection per other participant, signalled through the gateway. */
export const openWebrtc: OpenMedia = async (host) => {
  // Without WebRTC, as in Node.js, a client can still join to follow the room's events.
  if (!globalThis.RTCPeerConnection) return new Spectator(host)
  const meshMax = meshMaxOf(host.connection)
  if (host.others.length >= meshMax) {
    throw new RtcError('NOT_SUPPORTED', `A peer-to-peer room carries ${meshMax} participants, and it is full.`)
  }
  return new Mesh(host)
}

/** A client without media; answers each hello, so that peers do not wait for a connection. */
class Spectator implements MediaSession {
  readonly #host: MediaHost
  readonly #session = randomId()

  constructor(host: MediaHost) {
    this.#host = host
  }

  async publish(source: MediaSource, enabled: boolean): Promise<void> {
    if (enabled) throw new RtcError('NOT_SUPPORTED', `WebRTC is not available: the ${source} cannot be published.`)
  }

  async selectDevice(source: MediaSource): Promise<void> {
    await this.publish(source, true)
  }

  async renew(): Promise<void> {}

  others(): void {}

  signalled(fromId: string, type: SignalType, payload: Readonly<Record<string, unknown>>): void {
    if (type !== 'custom' || !isHello(payload)) return
    void this.#host.signal(fromId, 'custom', { ...SPECTATOR, session: this.#session, to: payload['session'] })
  }

  async close(): Promise<void> {}
}

interface Published extends OutgoingTrack {
  readonly local: Track
}

class Mesh implements MediaSession {
  readonly #host: MediaHost
  readonly #session = randomId()
  readonly #links = new Map<string, PeerLink>()
  readonly #published = new Map<MediaSource, Published>()
  /** Holds camera and microphone, so that receivers play them in sync. */
  readonly #cameraStream = new MediaStream()
  readonly #screenStream = new MediaStream()
  readonly #devices: DeviceChoice
  #connection: Connection
  #closed = false

  constructor(host: MediaHost) {
    this.#host = host
    this.#connection = host.connection
    this.#devices = new DeviceChoice((source, deviceId) => host.deviceFallback(source, deviceId))
    for (const { userId } of host.others) this.#openLink(userId).begin({ arriving: true })
  }

  async publish(source: MediaSource, enabled: boolean): Promise<void> {
    const published = this.#published.get(source)
    if (source === 'microphone' && published) {
      // The device stays open while muted: unmuting is immediate, and a Bluetooth headset keeps its profile.
      published.track.enabled = enabled
      return
    }
    if (enabled && !published) await this.#start(source, { muted: false })
    if (!enabled && published) await this.#stop(published)
  }

  async selectDevice(source: 'camera' | 'microphone', deviceId: string): Promise<void> {
    const published = this.#published.get(source)
    if (published) await this.#replace(published, await this.#openReplacement(published, source, deviceId))
    this.#devices.choose(source, deviceId)
  }

  async renew(connection: Connection): Promise<void> {
    this.#connection = connection
    for (const { peer } of this.#links.values()) peer?.configure(this.#configuration)
  }

  others(participants: readonly Participant[]): void {
    const present = new Set(participants.map(({ userId }) => userId))
    // A peer may signal before its join event arrives; an unconfirmed link has its own deadline.
    for (const [userId, link] of this.#links) if (link.isConfirmed && !present.has(userId)) this.#closeLink(userId)
    for (const userId of present) {
      const known = this.#links.get(userId)
      if (known) known.confirm()
      else if (this.#links.size < meshMaxOf(this.#connection) - 1) this.#openLink(userId).begin({ arriving: false })
    }
  }

  signalled(fromId: string, type: SignalType, payload: Readonly<Record<string, unknown>>): void {
    const known = this.#links.get(fromId)
    if (!known && this.#links.size >= meshMaxOf(this.#connection) - 1) return
    const link = known ?? this.#openLink(fromId)
    if (!known) link.awaitConfirmation()
    link.receive(type, payload)
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const userId of this.#links.keys()) this.#closeLink(userId)
    for (const published of this.#published.values()) this.#removeLocal(published)
  }

  get #configuration(): RTCConfiguration {
    // Copied, because the DOM type requires a mutable array.
    return { iceServers: [...this.#connection.iceServers], ...this.#host.rtcConfiguration }
  }

  #openLink(userId: string): PeerLink {
    const link: PeerLink = new PeerLink({
      session: this.#session,
      offers: this.#connection.userId > userId,
      signal: (type, payload) => this.#host.signal(userId, type, payload),
      connect: (options) => this.#createPeer(userId, options),
      refresh: () => this.#refreshIfExpired(),
      onState: (state) => this.#host.stateChanged(userId, state),
      onFailure: (failure) => this.#reportUnreachable(userId, failure),
      onUnconfirmed: () => this.#closeLink(userId),
    })
    this.#links.set(userId, link)
    return link
  }

  #closeLink(userId: string): void {
    this.#links.get(userId)?.close()
    this.#links.delete(userId)
  }

  #createPeer(userId: string, options: LinkedPeerOptions): Peer | undefined {
    const host = this.#host
    const tracks = new Map<MediaStreamTrack, Track>()
    try {
      const peer = new Peer({
        ...options,
        configuration: this.#configuration,
        onTrack(source, mediaStreamTrack) {
          const track: Track = { userId, source, kind: KIND_OF_SOURCE[source], local: false, mediaStreamTrack }
          tracks.set(mediaStreamTrack, track)
          host.trackAdded(track)
        },
        onTrackEnd(mediaStreamTrack) {
          const track = tracks.get(mediaStreamTrack)
          tracks.delete(mediaStreamTrack)
          if (track) host.trackRemoved(track)
        },
      })
      for (const outgoing of this.#published.values()) void peer.send(outgoing)
      return peer
    } catch (error) {
      // The browser rejected the configuration, for instance a server's URL.
      host.failed(toRtcError(error, 'MEDIA_FAILED', `The connection to ${userId} failed`))
      return undefined
    }
  }

  #reportUnreachable(userId: string, { refusal, evidence }: LinkFailure): void {
    const peer =
      refusal === undefined
        ? diagnose(userId, evidence, this.#configuration.iceServers ?? [])
        : ({ userId, reason: 'no_agreement', serverCode: undefined } as const)
    this.#host.failed(new RtcError('MEDIA_FAILED', messageOf(peer), { peer, cause: refusal }))
  }

  /** Credentials may have expired, for instance while a laptop slept. */
  async #refreshIfExpired(): Promise<void> {
    if (Date.parse(this.#connection.expiresAt) - Date.now() > EXPIRY_MARGIN) return
    try {
      await this.renew(await this.#host.refreshConnection())
    } catch {
      // Retried with the next ICE restart.
    }
  }

  async #start(source: MediaSource, { muted }: { muted: boolean }): Promise<void> {
    const track = await this.#devices.open(source, (deviceId) => capture(source, deviceId))
    await this.#publishTrack(source, track, { muted })
  }

  async #replace(previous: Published, track: MediaStreamTrack): Promise<void> {
    const muted = !previous.track.enabled
    this.#removeLocal(previous)
    await this.#publishTrack(previous.source, track, { muted })
  }

  /**
   * Opens the new device while the previous one runs. Phones allow one camera at a time: there the previous one is
   * released.
   */
  async #openReplacement(
    previous: Published,
    source: 'camera' | 'microphone',
    deviceId: string,
  ): Promise<MediaStreamTrack> {
    try {
      return await capture(source, deviceId)
    } catch (error) {
      if (!(error instanceof RtcError && error.code === 'DEVICE_FAILED')) throw error
    }
    previous.track.stop()
    try {
      return await capture(source, deviceId)
    } catch (error) {
      const reopened = await capture(source, previous.track.getSettings().deviceId).catch(() => undefined)
      if (reopened) await this.#replace(previous, reopened)
      else await this.#unpublishLost(previous)
      throw error
    }
  }

  async #publishTrack(source: MediaSource, track: MediaStreamTrack, { muted }: { muted: boolean }): Promise<void> {
    track.enabled = !muted
    if (this.#closed) {
      // The room was left while the user was asked for permission.
      track.stop()
      throw new RtcError('INVALID_STATE', 'The room has been left.')
    }
    const local: Track = {
      userId: this.#connection.userId,
      source,
      kind: KIND_OF_SOURCE[source],
      local: true,
      mediaStreamTrack: track,
    }
    const stream = source === 'screen' ? this.#screenStream : this.#cameraStream
    const published: Published = { source, track, stream, local }
    this.#published.set(source, published)
    // `ended` fires for external causes only, not for `stop`.
    track.addEventListener('ended', () => void this.#onTrackEnded(published))
    this.#host.trackAdded(local)
    await Promise.all(this.#peers.map((peer) => peer.send(published)))
  }

  /** The browser's "stop sharing", a revoked permission, or an unplugged device, which the default one replaces. */
  async #onTrackEnded(published: Published): Promise<void> {
    const { source, track } = published
    if (this.#closed || this.#published.get(source)?.track !== track) return
    const { deviceId } = track.getSettings()
    if (source === 'screen' || deviceId === undefined || (await isPresent(deviceId)))
      return this.#unpublishLost(published)
    try {
      const other = await capture(source)
      if (this.#published.get(source)?.track !== track) return other.stop()
      await this.#replace(published, other)
      this.#host.deviceFallback(source, deviceId)
    } catch (error) {
      await this.#unpublishLost(published)
      this.#host.failed(toRtcError(error, 'DEVICE_NOT_FOUND'))
    }
  }

  async #unpublishLost(published: Published): Promise<void> {
    const wasPublished = this.#published.get(published.source)?.track === published.track
    await this.#stop(published)
    if (wasPublished) this.#host.unpublished(published.source)
  }

  #removeLocal({ source, track, local }: Published): void {
    track.stop()
    this.#published.delete(source)
    this.#host.trackRemoved(local)
  }

  async #stop(published: Published): Promise<void> {
    const { source, track } = published
    if (this.#published.get(source)?.track !== track) return track.stop()
    this.#removeLocal(published)
    await Promise.all(this.#peers.map((peer) => peer.stopSending(source)))
  }

  get #peers(): Peer[] {
    return [...this.#links.values()].flatMap(({ peer }) => peer ?? [])
  }
}
