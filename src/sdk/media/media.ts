import type { MediaStreamTrack, RTCConfiguration } from '../dom.ts'
import type { RtcError } from '../errors.ts'
import type { Connection, Participant, SignalType } from '../model.ts'

/** A source that a participant can publish. */
export type MediaSource = 'camera' | 'microphone' | 'screen'

/**
 * A published track of one participant. Show it with `element.srcObject = new MediaStream([track.mediaStreamTrack])`.
 */
export interface Track {
  /** The publishing user. */
  readonly userId: string
  /** What is captured. */
  readonly source: MediaSource
  /** Whether an `audio` or a `video` element plays it. */
  readonly kind: 'audio' | 'video'
  /** Whether this client publishes it. Mute the element that plays the own microphone. */
  readonly local: boolean
  /** The browser's [MediaStreamTrack](https://www.w3.org/TR/mediacapture-streams/#mediastreamtrack). */
  readonly mediaStreamTrack: MediaStreamTrack
}

/**
 * State of the connection to the gateway, to the media, or to one peer. `unreachable` is a peer whose media does not
 * arrive after an ICE restart and a new connection; the event `error` says why, and one attempt is made each minute.
 */
export type ConnectionState = 'connecting' | 'connected' | 'reconnecting' | 'unreachable' | 'disconnected'

/** The environment of a media session: its inputs, and callbacks that never throw. */
export interface MediaHost {
  /** Address and credentials of the room's provider. */
  readonly connection: Connection
  /** The other joined participants as of this client's join. */
  readonly others: readonly Participant[]
  /** Overrides the configuration of peer connections, for instance `iceTransportPolicy: 'relay'`. */
  readonly rtcConfiguration: RTCConfiguration
  /** Sends a signal, in order per addressee. Resolves when the gateway has it, or when it was dropped. */
  signal(toId: string, type: SignalType, payload: Readonly<Record<string, unknown>>): Promise<void>
  /** Fetches new credentials, for instance before an ICE restart. */
  refreshConnection(): Promise<Connection>
  trackAdded(track: Track): void
  /** The same object as in `trackAdded`. */
  trackRemoved(track: Track): void
  /** @param userId - the peer; `null` for the one connection to a provider */
  stateChanged(userId: string | null, state: ConnectionState): void
  /** A source ended without a call: the browser's "stop sharing", an unplugged camera. */
  unpublished(source: MediaSource): void
  /** The selected device is gone; the default one was opened instead. */
  deviceFallback(source: 'camera' | 'microphone', deviceId: string): void
  /** An error outside any call. */
  failed(error: RtcError): void
}

/** The media of one session in one room. The caller serializes the calls. */
export interface MediaSession {
  /**
   * Publishes a source or stops publishing it; idempotent. Adds or removes the local track.
   *
   * @throws RtcError DEVICE_DENIED, DEVICE_NOT_FOUND, DEVICE_FAILED, NOT_SUPPORTED, MEDIA_FAILED
   */
  publish(source: MediaSource, enabled: boolean): Promise<void>
  /**
   * Selects a device, effective at once if the source is published. If it cannot be opened, the previous one stays in
   * use.
   *
   * @throws RtcError as `publish`
   */
  selectDevice(source: 'camera' | 'microphone', deviceId: string): Promise<void>
  /** Applies new credentials. */
  renew(connection: Connection): Promise<void>
  /** The other joined participants, after each update of the room. */
  others(participants: readonly Participant[]): void
  /** A signal from another participant has arrived. */
  signalled(fromId: string, type: SignalType, payload: Readonly<Record<string, unknown>>): void
  /** Releases devices and connections, also those still opening; removes every track. Never throws. */
  close(): Promise<void>
}

/**
 * Opens the media of a room that was joined.
 *
 * @throws RtcError NOT_SUPPORTED, PROVIDER_SDK_MISSING, MEDIA_FAILED
 */
export type OpenMedia = (host: MediaHost) => Promise<MediaSession>
