import { EventEmitter } from 'node:events'
import type {
  ConnectionState,
  IAgoraRTC,
  IAgoraRTCClient,
  IAgoraRTCRemoteUser,
  ICameraVideoTrack,
  ILocalTrack,
  ILocalVideoTrack,
  IMicrophoneAudioTrack,
  IRemoteTrack,
} from 'agora-rtc-sdk-ng'
import { TrackDouble } from './host.ts'

/** An error as Agora throws it, identified by its code. */
export class AgoraErrorDouble extends Error {
  readonly code: string
  constructor(code: string) {
    super(`AgoraRTCError ${code}`)
    this.code = code
  }
}

type OwnTrack = Pick<ILocalTrack, 'getMediaStreamTrack' | 'close'> & Pick<ICameraVideoTrack, 'setDevice'>

export class LocalTrackDouble extends EventEmitter implements OwnTrack {
  device: TrackDouble
  readonly config: unknown
  deviceError: Error | undefined

  constructor(kind: 'audio' | 'video', config: unknown) {
    super()
    this.device = new TrackDouble(kind)
    this.config = config
  }

  getMediaStreamTrack(): MediaStreamTrack {
    return this.device.asMediaStreamTrack
  }

  async setDevice(): Promise<void> {
    if (this.deviceError) throw this.deviceError
    this.update()
  }

  /** Emits `track-updated` before it replaces the track, as Agora does. */
  update(): void {
    this.device.stop()
    const device = new TrackDouble(this.device.kind)
    this.emit('track-updated', device.asMediaStreamTrack)
    this.device = device
  }

  /** The browser's "stop sharing", or an unplugged device. */
  end(): void {
    this.device.stop()
    this.emit('track-ended')
  }

  close(): void {
    this.device.stop()
  }
}

export class RemoteTrackDouble extends EventEmitter implements Pick<IRemoteTrack, 'getMediaStreamTrack'> {
  device: TrackDouble

  constructor(device: TrackDouble) {
    super()
    this.device = device
  }

  getMediaStreamTrack(): MediaStreamTrack {
    return this.device.asMediaStreamTrack
  }

  update(): void {
    const device = new TrackDouble(this.device.kind)
    this.emit('track-updated', device.asMediaStreamTrack)
    this.device = device
  }
}

/** A fake Agora client that behaves as documented, without a server. */
export class ClientDouble extends EventEmitter implements Pick<IAgoraRTCClient, 'join' | 'leave' | 'renewToken'> {
  readonly asked: unknown[] = []
  readonly published = new Set<ILocalTrack>()
  readonly #remote = new Map<string, RemoteTrackDouble>()
  #state: ConnectionState = 'DISCONNECTED'
  joinError: Error | undefined
  publishError: Error | undefined
  subscribeError: Error | undefined
  /** Subscribing completes when this does. */
  subscribing = Promise.resolve()

  async join(...credentials: Parameters<IAgoraRTCClient['join']>): ReturnType<IAgoraRTCClient['join']> {
    this.asked.push(['join', ...credentials])
    this.state('CONNECTING')
    if (this.joinError) {
      this.state('DISCONNECTED', 'SERVER_ERROR')
      throw this.joinError
    }
    this.state('CONNECTED')
    return 'alice'
  }

  async leave(): Promise<void> {
    this.asked.push(['leave'])
    if (this.#state === 'DISCONNECTED') return
    this.state('DISCONNECTING')
    this.state('DISCONNECTED', 'LEAVE')
  }

  async renewToken(token: string): Promise<void> {
    this.asked.push(['renewToken', token])
  }

  async publish(track: ILocalTrack): Promise<void> {
    if (this.publishError) throw this.publishError
    this.published.add(track)
  }

  async unpublish(track: ILocalTrack): Promise<void> {
    this.published.delete(track)
  }

  async subscribe(user: IAgoraRTCRemoteUser, mediaType: string): Promise<RemoteTrackDouble | undefined> {
    await this.subscribing
    if (this.subscribeError) throw this.subscribeError
    return this.#remote.get(`${user.uid}/${mediaType}`)
  }

  state(state: ConnectionState, reason?: string): void {
    const former = this.#state
    this.#state = state
    this.emit('connection-state-change', state, former, reason)
  }

  publishes(uid: string | number, kind: 'audio' | 'video', device = new TrackDouble(kind)): RemoteTrackDouble {
    const track = new RemoteTrackDouble(device)
    this.#remote.set(`${uid}/${kind}`, track)
    this.emit('user-published', { uid }, kind)
    return track
  }

  unpublishes(uid: string | number, kind: 'audio' | 'video'): void {
    this.emit('user-unpublished', { uid }, kind)
  }
}

/** The global that Agora's script tag defines. */
export class AgoraDouble {
  readonly client = new ClientDouble()
  readonly opened: LocalTrackDouble[] = []
  supported = true
  deviceError: Error | undefined
  /** Ids of the existing devices. */
  deviceIds = ['cam-1', 'mic-1']
  /** Opening a device completes when this does, like a permission prompt. */
  permission = Promise.resolve()

  checkSystemRequirements = (): boolean => this.supported

  getDevices: IAgoraRTC['getDevices'] = async () =>
    this.deviceIds.map((deviceId): Pick<MediaDeviceInfo, 'deviceId'> => ({ deviceId })) as MediaDeviceInfo[]

  createClient = (): IAgoraRTCClient => this.client as unknown as IAgoraRTCClient

  createCameraVideoTrack: IAgoraRTC['createCameraVideoTrack'] = async (config) =>
    (await this.#capture('video', config)) as OwnTrack as ICameraVideoTrack

  createMicrophoneAudioTrack: IAgoraRTC['createMicrophoneAudioTrack'] = async (config) =>
    (await this.#capture('audio', config)) as OwnTrack as IMicrophoneAudioTrack

  createScreenVideoTrack = async (...config: unknown[]): Promise<ILocalVideoTrack> =>
    (await this.#capture('video', config)) as Pick<ILocalTrack, 'close'> as ILocalVideoTrack

  async #capture(kind: 'audio' | 'video', config: unknown): Promise<LocalTrackDouble> {
    await this.permission
    if (this.deviceError) throw this.deviceError
    const track = new LocalTrackDouble(kind, config)
    this.opened.push(track)
    return track
  }
}
