import { EventEmitter } from 'node:events'
import { vi } from 'vitest'
import type { LocalParticipant, LocalTrack, Participant, Room, TrackPublication } from 'livekit-client'
import { TrackDouble } from './host.ts'

const livekit = await vi.importActual<typeof import('livekit-client')>('livekit-client')
const { ConnectionState, DisconnectReason, RoomEvent, Track, TrackEvent } = livekit

/** Behaviour of the devices, set by the test. */
export interface Devices {
  error: Error | undefined
  /** Opening a device completes when this does, like a permission prompt. */
  permission: Promise<void>
}

type OwnTrack = Pick<LocalTrack, 'mediaStreamTrack' | 'setDeviceId' | 'stop' | 'source'>

class LocalTrackDouble extends EventEmitter implements OwnTrack {
  readonly source: LocalTrack['source']
  readonly options: unknown
  device: TrackDouble
  readonly #devices: Devices

  constructor(source: LocalTrack['source'], options: unknown, devices: Devices) {
    super()
    this.source = source
    this.options = options
    this.#devices = devices
    this.device = new TrackDouble(source === Track.Source.Microphone ? 'audio' : 'video')
  }

  get mediaStreamTrack(): MediaStreamTrack {
    return this.device.asMediaStreamTrack
  }

  /** Stops the current device before it opens the other, as LiveKit does. */
  async setDeviceId(): Promise<boolean> {
    this.device.stop()
    if (this.#devices.error) throw this.#devices.error
    this.restart()
    return true
  }

  restart(): void {
    this.device = new TrackDouble(this.device.kind)
    this.emit(TrackEvent.Restarted, this)
  }

  stop(): void {
    this.device.stop()
  }
}

type OwnParticipant = Pick<
  LocalParticipant,
  'createTracks' | 'createScreenTracks' | 'publishTrack' | 'unpublishTrack' | 'getTrackPublication' | 'isLocal'
>

/** A fake LiveKit room that behaves as documented, without a server. */
export class RoomDouble extends EventEmitter implements Pick<Room, 'connect' | 'state'> {
  static last: RoomDouble
  static connectError: Error | undefined
  /** Completes when this does. */
  static connecting = Promise.resolve()

  readonly asked: unknown[] = []
  readonly devices: Devices = { error: undefined, permission: Promise.resolve() }
  readonly opened: LocalTrackDouble[] = []
  readonly published = new Map<unknown, TrackPublication>()
  publishError: Error | undefined
  state: Room['state'] = ConnectionState.Disconnected

  readonly localParticipant: OwnParticipant = {
    isLocal: true,
    createTracks: async (options) =>
      this.#capture(options?.video ? Track.Source.Camera : Track.Source.Microphone, options),
    createScreenTracks: async (options) => this.#capture(Track.Source.ScreenShare, options),
    publishTrack: async (track) => {
      if (this.publishError) throw this.publishError
      const { source } = track as LocalTrack
      const publication = { source, trackSid: `own-${this.published.size}` } as TrackPublication
      this.published.set(track, publication)
      return publication as Awaited<ReturnType<LocalParticipant['publishTrack']>>
    },
    getTrackPublication: (source) =>
      [...this.published.values()].find((publication) => publication.source === source) as ReturnType<
        LocalParticipant['getTrackPublication']
      >,
    unpublishTrack: async (track) => {
      const publication = this.published.get(track)
      if (!publication) return undefined
      this.published.delete(track)
      track.stop()
      this.emit(RoomEvent.LocalTrackUnpublished, publication, this.localParticipant)
      return undefined
    },
  }

  static reset(): void {
    RoomDouble.connectError = undefined
    RoomDouble.connecting = Promise.resolve()
  }

  constructor() {
    super()
    RoomDouble.last = this
  }

  async connect(url: string, token: string): Promise<void> {
    this.asked.push(['connect', url, token])
    this.turn(ConnectionState.Connecting)
    await RoomDouble.connecting
    if (RoomDouble.connectError) {
      this.turn(ConnectionState.Disconnected)
      this.emit(RoomEvent.Disconnected)
      throw RoomDouble.connectError
    }
    this.turn(ConnectionState.Connected)
  }

  async disconnect(): Promise<void> {
    this.asked.push(['disconnect'])
    if (this.state !== ConnectionState.Disconnected) this.drop('CLIENT_INITIATED')
  }

  /** The server or the client ends the connection. */
  drop(reason: keyof typeof DisconnectReason): void {
    for (const track of this.published.keys()) void this.localParticipant.unpublishTrack(track as LocalTrack)
    this.turn(ConnectionState.Disconnected)
    this.emit(RoomEvent.Disconnected, DisconnectReason[reason])
  }

  turn(state: Room['state']): void {
    this.state = state
    this.emit(RoomEvent.ConnectionStateChanged, state)
  }

  /** The server lost the session: LiveKit reopens and republishes each device where it can. */
  reconnect(lost?: LocalTrack['source']): void {
    this.turn(ConnectionState.Reconnecting)
    for (const [track, publication] of this.published) {
      this.published.delete(track)
      this.emit(RoomEvent.LocalTrackUnpublished, publication, this.localParticipant)
    }
    for (const track of this.opened) {
      if (track.source === lost) continue
      track.restart()
      void this.localParticipant.publishTrack(track as OwnTrack as LocalTrack)
    }
    this.turn(ConnectionState.Connected)
    this.emit(RoomEvent.Reconnected)
  }

  /** @returns a function that removes the track */
  remote(identity: string, source: LocalTrack['source'], device: TrackDouble): () => void {
    const kind = device.kind === 'audio' ? Track.Kind.Audio : Track.Kind.Video
    const track = { kind, mediaStreamTrack: device.asMediaStreamTrack }
    const args = [track, { trackSid: `TR_${identity}_${source}`, source, kind }, { identity, isLocal: false }] as const
    this.emit(RoomEvent.TrackSubscribed, ...args)
    return () => void this.emit(RoomEvent.TrackUnsubscribed, ...args)
  }

  subscriptionFails(identity: string): void {
    this.emit(RoomEvent.TrackSubscriptionFailed, 'TR_1', { identity })
  }

  /** The server mutes, or LiveKit does because the device is gone. */
  mute(source: LocalTrack['source'], participant: Partial<Participant> = this.localParticipant): void {
    this.emit(RoomEvent.TrackMuted, { source, trackSid: 'any' }, participant)
  }

  /** LiveKit unpublishes an ended screen share by itself. */
  async stopSharing(): Promise<void> {
    const track = this.opened.find((track) => track.source === Track.Source.ScreenShare)
    track?.stop()
    await this.localParticipant.unpublishTrack(track as OwnTrack as LocalTrack)
  }

  async #capture(source: LocalTrack['source'], options: unknown): Promise<LocalTrack[]> {
    await this.devices.permission
    if (this.devices.error) throw this.devices.error
    const track = new LocalTrackDouble(source, options, this.devices)
    this.opened.push(track)
    return [track as OwnTrack as LocalTrack]
  }
}
