import { EventEmitter } from 'node:events'
import { vi } from 'vitest'
import type { IEngineEvents, IRTCEngine, IVERTC } from '@volcengine/rtc'
import { TrackDouble } from './host.ts'

const { default: real } = await vi.importActual<typeof import('@volcengine/rtc')>('@volcengine/rtc')

/** An error as the engine throws it: its code and, in `error`, the browser's error. */
export class SdkErrorDouble extends Error {
  readonly code: string
  readonly error: unknown
  constructor(code: string, error?: unknown) {
    super(code)
    this.code = code
    this.error = error
  }
}

type Engine = Pick<
  IRTCEngine,
  | 'joinRoom'
  | 'leaveRoom'
  | 'updateToken'
  | 'startVideoCapture'
  | 'stopVideoCapture'
  | 'startAudioCapture'
  | 'stopAudioCapture'
  | 'startScreenCapture'
  | 'stopScreenCapture'
  | 'setVideoCaptureDevice'
  | 'setAudioCaptureDevice'
  | 'publishStream'
  | 'unpublishStream'
  | 'publishScreen'
  | 'unpublishScreen'
  | 'subscribeStream'
  | 'subscribeScreen'
  | 'getLocalStreamTrack'
  | 'getRemoteStreamTrack'
>

type Source = 'camera' | 'microphone' | 'screen'

const ofMain = (mediaType: number): Source => (mediaType === 1 ? 'microphone' : 'camera')
const ofStream = (index: number, kind: string): Source =>
  index === 1 ? 'screen' : kind === 'audio' ? 'microphone' : 'camera'

/** A fake Volcengine engine that behaves as documented, without a server. */
export class EngineDouble extends EventEmitter implements Engine {
  readonly asked: unknown[] = []
  /** Devices that are open now. */
  readonly capturing = new Map<Source, TrackDouble>()
  /** Every device ever opened. */
  readonly opened: TrackDouble[] = []
  readonly published = new Set<Source>()
  readonly #remote = new Map<string, TrackDouble>()
  #inRoom = false
  joinError: Error | undefined
  publishError: Error | undefined
  subscribeError: Error | undefined
  deviceError: Error | undefined
  /** Operations complete when these do. */
  joining = Promise.resolve()
  permission = Promise.resolve()
  subscribing = Promise.resolve()

  joinRoom: Engine['joinRoom'] = async (...credentials) => {
    this.asked.push(['joinRoom', ...credentials])
    this.tell('onConnectionStateChanged', { state: 2 })
    await this.joining
    if (this.joinError) throw this.joinError
    this.#inRoom = true
    this.tell('onConnectionStateChanged', { state: 3 })
  }

  leaveRoom: Engine['leaveRoom'] = async () => {
    this.asked.push(['leaveRoom'])
    this.#inRoom = false
  }

  updateToken: Engine['updateToken'] = async (token) => {
    if (!this.#inRoom) throw new SdkErrorDouble('UPDATE_TOKEN_BEFORE_JOIN')
    this.asked.push(['updateToken', token])
  }

  startVideoCapture: Engine['startVideoCapture'] = (deviceId) => this.#start('camera', deviceId)
  startAudioCapture: Engine['startAudioCapture'] = (deviceId) => this.#start('microphone', deviceId)
  startScreenCapture: Engine['startScreenCapture'] = async () => void (await this.#start('screen', undefined))
  stopVideoCapture: Engine['stopVideoCapture'] = async () => this.#stop('camera')
  stopAudioCapture: Engine['stopAudioCapture'] = async () => this.#stop('microphone')
  stopScreenCapture: Engine['stopScreenCapture'] = async () => this.#stop('screen')
  setVideoCaptureDevice: Engine['setVideoCaptureDevice'] = async () => this.#replace('camera')
  setAudioCaptureDevice: Engine['setAudioCaptureDevice'] = async () => this.#replace('microphone')

  publishStream: Engine['publishStream'] = async (mediaType) => this.#publish(ofMain(mediaType))
  publishScreen: Engine['publishScreen'] = async () => this.#publish('screen')
  unpublishStream: Engine['unpublishStream'] = async (mediaType) => void this.published.delete(ofMain(mediaType))
  unpublishScreen: Engine['unpublishScreen'] = async () => void this.published.delete('screen')

  subscribeStream: Engine['subscribeStream'] = (userId, mediaType) => this.#subscribe('stream', userId, mediaType)
  subscribeScreen: Engine['subscribeScreen'] = (userId, mediaType) => this.#subscribe('screen', userId, mediaType)

  getLocalStreamTrack: Engine['getLocalStreamTrack'] = (index, type) => {
    return this.capturing.get(ofStream(index, type))?.asMediaStreamTrack
  }

  getRemoteStreamTrack: Engine['getRemoteStreamTrack'] = (userId, index, type) =>
    this.#remote.get(`${userId}/${index}/${type}`)?.asMediaStreamTrack

  tell<Name extends keyof IEngineEvents>(
    name: `${Name}`,
    ...args: Parameters<IEngineEvents[Name]> | [Readonly<Record<string, unknown>>]
  ): void {
    this.emit(name, ...args)
  }

  /** @param index - 0: camera and microphone, 1: screen */
  publishes(userId: string, index: 0 | 1, kind: 'audio' | 'video'): TrackDouble {
    const track = new TrackDouble(kind)
    this.#remote.set(`${userId}/${index}/${kind}`, track)
    const mediaType = kind === 'audio' ? 1 : 2
    this.tell(index === 1 ? 'onUserPublishScreen' : 'onUserPublishStream', { userId, mediaType })
    return track
  }

  /** After a reconnection: a new track for the same stream, with no other event. */
  resubscribes(userId: string, index: 0 | 1, kind: 'audio' | 'video'): TrackDouble {
    const track = new TrackDouble(kind)
    this.#remote.set(`${userId}/${index}/${kind}`, track)
    this.tell('onSubscribeResult', { userId, isScreen: index === 1, isAutoSubscribe: false })
    return track
  }

  unpublishes(userId: string, index: 0 | 1, mediaType: 1 | 2 | 3): void {
    this.tell(index === 1 ? 'onUserUnpublishScreen' : 'onUserUnpublishStream', { userId, mediaType, reason: 0 })
  }

  /** The browser's "stop sharing", or an unplugged device: the engine drops the track and emits an event. */
  end(source: Source): void {
    this.#stop(source)
    this.tell('onTrackEnded', { kind: source === 'microphone' ? 'audio' : 'video', isScreen: source === 'screen' })
  }

  async #start(source: Source, deviceId: string | undefined): Promise<MediaTrackSettings> {
    this.asked.push(['start', source, deviceId])
    await this.permission
    if (this.capturing.has(source)) throw new SdkErrorDouble('REPEAT_CAPTURE')
    if (this.deviceError) throw this.deviceError
    const track = new TrackDouble(source === 'microphone' ? 'audio' : 'video')
    this.opened.push(track)
    this.capturing.set(source, track)
    return {}
  }

  #stop(source: Source): void {
    this.capturing.get(source)?.stop()
    this.capturing.delete(source)
  }

  async #replace(source: Source): Promise<void> {
    if (this.deviceError) throw this.deviceError
    this.#stop(source)
    await this.#start(source, 'replaced')
  }

  #publish(source: Source): void {
    if (this.publishError) throw this.publishError
    this.published.add(source)
  }

  async #subscribe(of: string, userId: string, mediaType: number): Promise<void> {
    this.asked.push(['subscribe', of, userId, mediaType])
    await this.subscribing
    if (this.subscribeError) throw this.subscribeError
  }
}

/** The exports of `@volcengine/rtc`. */
export class VolcengineDouble implements Pick<IVERTC, 'createEngine' | 'isSupported' | 'destroyEngine'> {
  readonly events = real.events
  engine = new EngineDouble()
  readonly asked: unknown[] = []
  supported = true

  reset(): void {
    this.engine = new EngineDouble()
    this.asked.length = 0
    this.supported = true
  }

  isSupported: IVERTC['isSupported'] = async () => this.supported

  createEngine: IVERTC['createEngine'] = (...args) => {
    this.asked.push(['createEngine', ...args])
    return this.engine as Engine as IRTCEngine
  }

  destroyEngine: IVERTC['destroyEngine'] = () => {
    this.asked.push(['destroyEngine'])
    for (const track of this.engine.capturing.values()) track.stop()
  }
}

export const volcengine = new VolcengineDouble()
