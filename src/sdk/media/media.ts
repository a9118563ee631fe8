import type { MediaStreamTrack, RTCConfiguration } from '../dom.ts'
import type { RtcError } from '../errors.ts'
import type { Connection, Participant, SignalType } from '../model.ts'

/** What a participant can publish. */
export type MediaSource = 'camera' | 'microphone' | 'screen'

/** One published source of one participant. Show it with `element.srcObject = new MediaStream([track.mediaStreamTrack])`. */
export interface Track {
  /** Whose it is. */
  readonly userId: string
  readonly source: MediaSource
  readonly kind: 'audio' | 'video'
  /** Whether it is one's own. */
  readonly local: boolean
  readonly mediaStreamTrack: MediaStreamTrack
}

/**
 * State of the connection to the gateway, to the media, or to one peer. `unreachable` is a peer whose media does not
 * arrive after an ICE restart and a new connection; the event `error` has told why, and it is tried once a minute.
 */
export type ConnectionState = 'connecting' | 'connected' | 'reconnecting' | 'unreachable' | 'disconnected'

/** What a session of media is given to work with, and tells of what happens. Its functions never throw. */
export interface MediaHost {
  /** Credentials and addresses of the room's provider. */
  readonly connection: Connection
  /** Those who have joined, without oneself, as of the join that opens the session. */
  readonly others: readonly Participant[]
  /** Overrides of the peer connections' configuration, for instance `iceTransportPolicy: 'relay'`. */
  readonly rtcConfiguration: RTCConfiguration
  /** To one participant, in order. Resolves when the gateway has it, or when it makes no sense any more. */
  signal(toId: string, type: SignalType, payload: Readonly<Record<string, unknown>>): Promise<void>
  /** Credentials that are good for another while, for instance before an ICE restart. */
  refreshConnection(): Promise<Connection>
  trackAdded(track: Track): void
  /** The same object as was added. */
  trackRemoved(track: Track): void
  /** @param userId - the peer; `null` for a connection that all share */
  stateChanged(userId: string | null, state: ConnectionState): void
  /** A source was unpublished from outside: the browser's "stop sharing", a camera pulled out. */
  unpublished(source: MediaSource): void
  /** The device that was chosen is not there any more; the default one is open in its place. */
  deviceFallback(source: 'camera' | 'microphone', deviceId: string): void
  /** Something went wrong that no call is there to throw. */
  failed(error: RtcError): void
}

/** The media of one stay in one room. Calls come one after the other. */
export interface MediaSession {
  /**
   * Publishes a source, or ceases to; again changes nothing. Adds and removes the local track.
   *
   * @throws RtcError DEVICE_DENIED, DEVICE_NOT_FOUND, DEVICE_FAILED, NOT_SUPPORTED, MEDIA_FAILED
   */
  publish(source: MediaSource, enabled: boolean): Promise<void>
  /**
   * Uses another device, now if the source is published, and from now on. If that one cannot be opened, the one before
   * goes on.
   *
   * @throws RtcError as `publish`
   */
  selectDevice(source: 'camera' | 'microphone', deviceId: string): Promise<void>
  /** Goes on with the next credentials. */
  renew(connection: Connection): Promise<void>
  /** The room has changed: those who have joined now, without oneself. */
  others(participants: readonly Participant[]): void
  /** Somebody in the room has signalled. */
  signalled(fromId: string, type: SignalType, payload: Readonly<Record<string, unknown>>): void
  /** Gives devices and connections back, also those that are being opened; removes every track. Never throws. */
  close(): Promise<void>
}

/**
 * Opens the media of a room that was joined.
 *
 * @throws RtcError NOT_SUPPORTED, PROVIDER_SDK_MISSING, MEDIA_FAILED
 */
export type OpenMedia = (host: MediaHost) => Promise<MediaSession>
