import type { Connection, Participant } from '../../../src/sdk/model.ts'
import type { RtcError } from '../../../src/sdk/errors.ts'
import type { MediaHost, Track } from '../../../src/sdk/media/media.ts'

/** The part of MediaStreamTrack that engines use; Node.js has none. */
export class TrackDouble implements Pick<MediaStreamTrack, 'kind' | 'readyState' | 'stop'> {
  readonly kind: 'audio' | 'video'
  readyState: MediaStreamTrackState = 'live'

  constructor(kind: 'audio' | 'video') {
    this.kind = kind
  }

  stop(): void {
    this.readyState = 'ended'
  }

  /** Typed as the DOM's track. */
  get asMediaStreamTrack(): MediaStreamTrack {
    return this as Pick<MediaStreamTrack, 'kind' | 'readyState' | 'stop'> as MediaStreamTrack
  }
}

/** A participant who has joined. */
export const participant = (userId: string, uid: number): Participant => ({
  id: `room-1:${userId}`,
  userId,
  uid,
  role: 'member',
  state: 'joined',
  audio: true,
  video: true,
  connected: true,
  joinedAt: '2026-01-01T00:00:00.000Z',
  leftAt: null,
  leaveReason: null,
  duration: 0,
  sessionId: `session-${uid}`,
  lostAt: null,
  reach: null,
})

/** A media host that records its callbacks in order. */
export class HostDouble implements MediaHost {
  readonly told: string[] = []
  readonly errors: RtcError[] = []
  /** Tracks added and not removed. */
  readonly tracks: Track[] = []
  others: readonly Participant[] = []
  readonly rtcConfiguration = {}
  readonly connection: Connection
  refreshed: Connection | Error

  constructor(connection: Pick<Connection, 'provider'> & Partial<Connection>) {
    this.connection = {
      appId: null,
      url: null,
      roomId: 'room-1',
      userId: 'alice',
      uid: null,
      token: 'token-1',
      expiresAt: '2026-01-01T00:00:00.000Z',
      iceServers: [],
      meshMax: null,
      ...connection,
    }
    this.refreshed = { ...this.connection, token: 'token-2' }
  }

  /** The current track of a source. */
  track(userId: string, source: Track['source']): Track | undefined {
    return this.tracks.find((track) => track.userId === userId && track.source === source)
  }

  async signal(): Promise<void> {}

  async refreshConnection(): Promise<Connection> {
    if (this.refreshed instanceof Error) throw this.refreshed
    return this.refreshed
  }

  trackAdded(track: Track): void {
    this.tracks.push(track)
    this.told.push(`added ${track.local ? 'own' : track.userId} ${track.source} ${track.kind}`)
  }

  trackRemoved(track: Track): void {
    const index = this.tracks.indexOf(track)
    if (index < 0) throw new Error('removed what was not there')
    this.tracks.splice(index, 1)
    this.told.push(`removed ${track.local ? 'own' : track.userId} ${track.source} ${track.kind}`)
  }

  stateChanged(userId: string | null, state: string): void {
    this.told.push(userId === null ? state : `${state} ${userId}`)
  }

  unpublished(source: string): void {
    this.told.push(`unpublished ${source}`)
  }

  deviceFallback(source: string, deviceId: string): void {
    this.told.push(`${deviceId} fell back to the default ${source}`)
  }

  failed(error: RtcError): void {
    this.errors.push(error)
    this.told.push(`failed ${error.code}`)
  }
}
