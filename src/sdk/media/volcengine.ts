import type {
  ConnectionState as VendorState,
  IRTCEngine,
  MediaType,
  RTCAutoPlayPolicy,
  StreamIndex,
} from '@volcengine/rtc'
import { RtcError, toRtcError } from '../errors.ts'
import type { ConnectionState, MediaHost, MediaSource, OpenMedia, Track } from './media.ts'
import { type Capture, type OpenCapture, ignoreErrors } from './publisher.ts'
import { AUDIO, MAIN, openVolcengineCapture, SCREEN, VIDEO } from './volcengine-capture.ts'
import { credential, type VolcengineSdk, volcengineSdk } from './vendor.ts'
import { VendorSession } from './vendor-session.ts'

/** By enum value. In state 6 (lost) the engine still tries to reconnect. */
const STATES: Readonly<Record<VendorState, ConnectionState>> = {
  0: 'connecting',
  1: 'reconnecting',
  2: 'connecting',
  3: 'connected',
  4: 'reconnecting',
  5: 'connected',
  6: 'reconnecting',
}

/** Errors of Volcengine's messaging room, which this class does not join. */
const MESSAGING_ERRORS: ReadonlySet<string> = new Set(['RTM_DUPLICATE_LOGIN', 'RTM_TOKEN_ERROR'])

/** Media through Volcengine RTC. */
export const openVolcengine: OpenMedia = async (host) => {
  const sdk = await volcengineSdk()
  // Older versions, loaded by a script tag, lack this function.
  const supported: unknown = await sdk.isSupported?.()
  if (supported === false) {
    throw new RtcError('NOT_SUPPORTED', 'volcengine needs a browser with WebRTC and H.264')
  }
  return new VolcengineSession(host, sdk).join()
}

class VolcengineSession extends VendorSession {
  readonly #sdk: VolcengineSdk
  readonly #engine: IRTCEngine
  readonly #capture: OpenCapture
  /** The published media of each stream, as a bit set of MediaType. */
  readonly #published = new Map<string, number>()

  constructor(host: MediaHost, sdk: VolcengineSdk) {
    super('volcengine', host)
    this.#sdk = sdk
    this.#engine = createEngine(sdk, credential(host.connection, 'appId'))
    this.#capture = openVolcengineCapture(this.#engine)
    this.#listen()
  }

  protected connect(): Promise<void> {
    const { connection } = this.host
    const { roomId, userId } = connection
    // Manual subscription: only its result tells when a track is available.
    const config = { isAutoPublish: false, isAutoSubscribeAudio: false, isAutoSubscribeVideo: false }
    return this.#engine.joinRoom(credential(connection, 'token'), roomId, { userId }, config)
  }

  protected async leave(): Promise<void> {
    await ignoreErrors(() => this.#engine.leaveRoom())
    this.#sdk.destroyEngine(this.#engine)
  }

  protected open(source: MediaSource, deviceId: string | undefined): Promise<Capture> {
    return this.#capture(source, deviceId)
  }

  protected useToken(token: string): Promise<void> {
    return this.#engine.updateToken(token)
  }

  #listen(): void {
    const { events } = this.#sdk
    const engine = this.#engine
    engine.on(events.onConnectionStateChanged, ({ state }) => this.reporter.setState(STATES[state]))
    engine.on(events.onUserPublishStream, ({ userId, mediaType }) => this.#subscribe(userId, MAIN, mediaType))
    engine.on(events.onUserPublishScreen, ({ userId, mediaType }) => this.#subscribe(userId, SCREEN, mediaType))
    engine.on(events.onUserUnpublishStream, ({ userId, mediaType }) => this.#gone(userId, MAIN, mediaType))
    engine.on(events.onUserUnpublishScreen, ({ userId, mediaType }) => this.#gone(userId, SCREEN, mediaType))
    engine.on(events.onUserLeave, ({ userInfo: { userId } }) => {
      for (const index of [MAIN, SCREEN]) this.#gone(userId, index, AUDIO | VIDEO)
    })
    engine.on(events.onSubscribeResult, ({ userId, isScreen }) => this.#resubscribed(userId, isScreen ? SCREEN : MAIN))
    engine.on(events.onTrackEnded, ({ kind, isScreen }) => {
      const source = isScreen ? 'screen' : kind === 'video' ? 'camera' : 'microphone'
      void this.publisher.ended(source)
    })
    // All three are emitted when the whole token expires.
    engine.on(events.onTokenWillExpire, () => this.expiring())
    engine.on(events.onTokenPublishPrivilegeWillExpire, () => this.expiring())
    engine.on(events.onTokenSubscribePrivilegeWillExpire, () => this.expiring())
    engine.on(events.onError, ({ errorCode }) => {
      if (!MESSAGING_ERRORS.has(errorCode)) this.lost(errorCode)
    })
  }

  #subscribe(userId: string, index: StreamIndex, mediaType: MediaType): void {
    const stream = `${userId}/${index}`
    // Subscribes to all media of the stream each time, because a subscription may replace the previous one.
    const all: MediaType = (this.#published.get(stream) ?? 0) | mediaType
    this.#published.set(stream, all)
    const subscribed =
      index === SCREEN ? this.#engine.subscribeScreen(userId, all) : this.#engine.subscribeStream(userId, all)
    for (const kind of kindsOf(mediaType)) {
      void this.reporter.trackSubscription(`${stream}/${kind}`, userId, async () => {
        await subscribed
        const mediaStreamTrack = this.#engine.getRemoteStreamTrack(userId, index, kind)
        if (!mediaStreamTrack) throw new RtcError('MEDIA_FAILED', `volcengine has no ${kind} track of ${userId}`)
        return { userId, source: sourceOf(index, kind), kind, local: false, mediaStreamTrack }
      })
    }
  }

  /** After a reconnection the engine resubscribes by itself, to new tracks; this event is the only sign. */
  #resubscribed(userId: string, index: StreamIndex): void {
    for (const kind of kindsOf(AUDIO | VIDEO)) {
      const mediaStreamTrack = this.#engine.getRemoteStreamTrack(userId, index, kind)
      if (mediaStreamTrack) this.reporter.replaceTrack(`${userId}/${index}/${kind}`, mediaStreamTrack)
    }
  }

  #gone(userId: string, index: StreamIndex, mediaType: number): void {
    const stream = `${userId}/${index}`
    this.#published.set(stream, (this.#published.get(stream) ?? 0) & ~mediaType)
    for (const kind of kindsOf(mediaType)) this.reporter.removeTrack(`${stream}/${kind}`)
  }
}

/** Turns the engine's own audio playback off: the application plays every track, whatever the provider. */
function createEngine(sdk: VolcengineSdk, appId: string): IRTCEngine {
  try {
    return sdk.createEngine(appId, { autoPlayPolicy: 2 satisfies RTCAutoPlayPolicy.PLAY_MANUALLY })
  } catch (error) {
    throw toRtcError(error, 'MEDIA_FAILED', 'volcengine cannot create an engine for this app')
  }
}

function kindsOf(mediaType: number): Track['kind'][] {
  const kinds: Track['kind'][] = []
  if (mediaType & AUDIO) kinds.push('audio')
  if (mediaType & VIDEO) kinds.push('video')
  return kinds
}

function sourceOf(index: StreamIndex, kind: Track['kind']): MediaSource {
  if (index === SCREEN) return 'screen'
  return kind === 'audio' ? 'microphone' : 'camera'
}
