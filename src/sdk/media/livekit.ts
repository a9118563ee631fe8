import type { LocalTrack, Participant, Room, TrackPublication } from 'livekit-client'
import { RtcError } from '../errors.ts'
import { codedDeviceError, deviceError } from './device-error.ts'
import type { ConnectionState, MediaHost, MediaSource, OpenMedia } from './media.ts'
import type { Capture } from './publisher.ts'
import { credential, type LivekitSdk, livekitSdk } from './vendor.ts'
import { VendorSession } from './vendor-session.ts'

const STATES: Readonly<Record<string, ConnectionState>> = {
  connecting: 'connecting',
  connected: 'connected',
  reconnecting: 'reconnecting',
  signalReconnecting: 'reconnecting',
}

const SOURCES: Readonly<Record<string, MediaSource>> = {
  camera: 'camera',
  microphone: 'microphone',
  screen_share: 'screen',
  screen_share_audio: 'screen',
}

/** Media through a LiveKit server. */
export const openLivekit: OpenMedia = async (host) => {
  const sdk = await livekitSdk()
  if (!sdk.isBrowserSupported()) throw new RtcError('NOT_SUPPORTED', 'livekit needs a browser with WebRTC')
  return new LivekitSession(host, sdk).join()
}

class LivekitSession extends VendorSession {
  readonly #sdk: LivekitSdk
  readonly #room: Room

  constructor(host: MediaHost, sdk: LivekitSdk) {
    super('livekit', host)
    this.#sdk = sdk
    this.#room = new sdk.Room()
    this.#listen()
  }

  protected connect(): Promise<void> {
    const { connection } = this.host
    return this.#room.connect(credential(connection, 'url'), credential(connection, 'token'))
  }

  protected leave(): Promise<void> {
    return this.#room.disconnect()
  }

  /** Nothing to do: the server renews the token of an open connection. */
  protected async useToken(): Promise<void> {}

  #listen(): void {
    const { ConnectionState, DisconnectReason, RoomEvent } = this.#sdk
    this.#room
      .on(RoomEvent.ConnectionStateChanged, (state) => {
        const known = STATES[state]
        if (known) this.reporter.setState(known)
      })
      .on(RoomEvent.Disconnected, (reason) => {
        this.lost(reason === undefined ? 'UNKNOWN_REASON' : (DisconnectReason[reason] ?? String(reason)))
      })
      .on(RoomEvent.TrackSubscribed, (track, publication, participant) => {
        this.reporter.setTrack(publication.trackSid, {
          userId: participant.identity,
          source: this.#sourceOf(publication),
          kind: track.kind === this.#sdk.Track.Kind.Audio ? 'audio' : 'video',
          local: false,
          mediaStreamTrack: track.mediaStreamTrack,
        })
      })
      .on(RoomEvent.TrackUnsubscribed, (_track, publication) => this.reporter.removeTrack(publication.trackSid))
      .on(RoomEvent.TrackSubscriptionFailed, (trackSid, participant) => {
        this.reporter.failed('livekit cannot subscribe', new Error(`${trackSid} of ${participant.identity}`))
      })
      .on(RoomEvent.LocalTrackUnpublished, (publication) => {
        // During a reconnection LiveKit republishes every track.
        if (this.#room.state !== ConnectionState.Reconnecting) this.#ended(publication)
      })
      .on(RoomEvent.Reconnected, () => this.#reconcile())
      // This class never mutes: the server did, or the device is gone.
      .on(RoomEvent.TrackMuted, (publication, participant: Participant) => {
        if (participant.isLocal) this.#ended(publication)
      })
  }

  #ended(publication: TrackPublication): void {
    void this.publisher.ended(this.#sourceOf(publication))
  }

  /** Ends the sources that were not republished after a reconnection. */
  #reconcile(): void {
    const { Source } = this.#sdk.Track
    const sources = { camera: Source.Camera, microphone: Source.Microphone, screen: Source.ScreenShare } as const
    for (const source of ['camera', 'microphone', 'screen'] as const) {
      const publication = this.#room.localParticipant.getTrackPublication(sources[source])
      if (!publication) void this.publisher.ended(source)
    }
  }

  protected async open(source: MediaSource, deviceId: string | undefined): Promise<Capture> {
    const participant = this.#room.localParticipant
    const track = await this.#capture(source, deviceId).catch((error: unknown) => {
      throw this.#deviceError(error, source)
    })
    track.on(this.#sdk.TrackEvent.Restarted, () => this.publisher.refresh(source))
    return {
      mediaStreamTrack: () => track.mediaStreamTrack,
      publish: () => participant.publishTrack(track),
      unpublish: () => participant.unpublishTrack(track),
      selectDevice: (id) =>
        track.setDeviceId({ exact: id }).catch((error: unknown) => {
          throw this.#deviceError(error, source)
        }),
      stop: () => track.stop(),
    }
  }

  async #capture(source: MediaSource, deviceId: string | undefined): Promise<LocalTrack> {
    const participant = this.#room.localParticipant
    const device = deviceId === undefined ? true : { deviceId: { exact: deviceId } }
    const [track] = await (source === 'screen'
      ? participant.createScreenTracks()
      : participant.createTracks(source === 'camera' ? { video: device } : { audio: device }))
    if (!track) throw new RtcError('MEDIA_FAILED', `livekit opened no ${source}`)
    return track
  }

  #deviceError(error: unknown, source: MediaSource): RtcError {
    if (error instanceof this.#sdk.DeviceUnsupportedError) return codedDeviceError('NOT_SUPPORTED', error, source)
    return deviceError(error, source)
  }

  #sourceOf(publication: TrackPublication): MediaSource {
    const { Kind } = this.#sdk.Track
    return SOURCES[publication.source] ?? (publication.kind === Kind.Audio ? 'microphone' : 'camera')
  }
}
