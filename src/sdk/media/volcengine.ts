import type {
  ConnectionState as VendorState,
  IRTCEngine,
  MediaType,
  RTCAutoPlayPolicy,
  StreamIndex,
} from '@volcengine/rtc'
import { RtcError, toRtcError } from '../errors.ts'
import type { Connection } from '../model.ts'
import type { ConnectionState, MediaHost, MediaSession, MediaSource, OpenMedia, Track } from './media.ts'
import { Publisher, quietly } from './publisher.ts'
import { Report } from './report.ts'
import { AUDIO, MAIN, openVolcengineCapture, SCREEN, VIDEO } from './volcengine-capture.ts'
import { credential, type VolcengineSdk, volcengineSdk } from './vendor.ts'

/** By number; a connection that is lost for long it still tries to get back. */
const STATES: Readonly<Record<VendorState, ConnectionState>> = {
  0: 'connecting',
  1: 'reconnecting',
  2: 'connecting',
  3: 'connected',
  4: 'reconnecting',
  5: 'connected',
  6: 'reconnecting',
}

/** Of its other room, that of messages, which is not entered here. */
const MESSAGING_ERRORS: ReadonlySet<string> = new Set(['RTM_DUPLICATE_LOGIN', 'RTM_TOKEN_ERROR'])

/** Media by Volcengine RTC. */
export const openVolcengine: OpenMedia = async (host) => {
  const appId = credential(host.connection, 'appId')
  const token = credential(host.connection, 'token')
  const sdk = await volcengineSdk()
  if (!(await sdk.isSupported())) {
    throw new RtcError('NOT_SUPPORTED', 'volcengine needs a browser with WebRTC and H.264')
  }
  const session = new VolcengineSession(host, sdk, createEngine(sdk, appId))
  await session.join(token)
  return session
}

class VolcengineSession implements MediaSession {
  readonly #host: MediaHost
  readonly #sdk: VolcengineSdk
  readonly #engine: IRTCEngine
  readonly #report: Report
  readonly #publisher: Publisher
  /** What is published of each stream, as bits of MediaType. */
  readonly #published = new Map<string, number>()
  #renewal: Promise<void> | undefined

  constructor(host: MediaHost, sdk: VolcengineSdk, engine: IRTCEngine) {
    this.#host = host
    this.#sdk = sdk
    this.#engine = engine
    this.#report = new Report(host)
    this.#publisher = new Publisher(host, this.#report, openVolcengineCapture(engine))
    this.#listen()
  }

  async join(token: string): Promise<void> {
    const { roomId, userId } = this.#host.connection
    // Subscribed by hand: only that tells when a track is there to be had.
    const config = { isAutoPublish: false, isAutoSubscribeAudio: false, isAutoSubscribeVideo: false }
    try {
      this.#report.state('connecting')
      await this.#report.joined(() => this.#engine.joinRoom(token, roomId, { userId }, config))
    } catch (error) {
      await this.close()
      throw toRtcError(error, 'MEDIA_FAILED', 'volcengine does not let join')
    }
  }

  publish(source: MediaSource, enabled: boolean): Promise<void> {
    return this.#publisher.publish(source, enabled)
  }

  selectDevice(source: 'camera' | 'microphone', deviceId: string): Promise<void> {
    return this.#publisher.selectDevice(source, deviceId)
  }

  async renew(connection: Connection): Promise<void> {
    try {
      await this.#engine.updateToken(credential(connection, 'token'))
    } catch (error) {
      throw toRtcError(error, 'MEDIA_FAILED', 'volcengine does not take the new token')
    }
  }

  others(): void {}

  signalled(): void {}

  async close(): Promise<void> {
    this.#report.end()
    await this.#giveBack()
  }

  #listen(): void {
    const { events } = this.#sdk
    const renew = (): void => void (this.#renewal ??= this.#renew())
    this.#engine
      .on(events.onConnectionStateChanged, ({ state }) => this.#report.state(STATES[state]))
      .on(events.onUserPublishStream, ({ userId, mediaType }) => this.#subscribe(userId, MAIN, mediaType))
      .on(events.onUserPublishScreen, ({ userId, mediaType }) => this.#subscribe(userId, SCREEN, mediaType))
      .on(events.onUserUnpublishStream, ({ userId, mediaType }) => this.#gone(userId, MAIN, mediaType))
      .on(events.onUserUnpublishScreen, ({ userId, mediaType }) => this.#gone(userId, SCREEN, mediaType))
      .on(events.onUserLeave, ({ userInfo: { userId } }) => {
        for (const index of [MAIN, SCREEN]) this.#gone(userId, index, AUDIO | VIDEO)
      })
      .on(events.onTrackEnded, ({ kind, isScreen }) => {
        const source = isScreen ? 'screen' : kind === 'video' ? 'camera' : 'microphone'
        void this.#publisher.ended(source)
      })
      // All three come together when the whole token ends.
      .on(events.onTokenWillExpire, renew)
      .on(events.onTokenPublishPrivilegeWillExpire, renew)
      .on(events.onTokenSubscribePrivilegeWillExpire, renew)
      .on(events.onError, ({ errorCode }) => this.#lost(errorCode))
  }

  async #renew(): Promise<void> {
    try {
      await this.renew(await this.#host.refreshConnection())
    } catch (error) {
      this.#report.failed('volcengine gets no new token', error)
    } finally {
      this.#renewal = undefined
    }
  }

  #subscribe(userId: string, index: StreamIndex, mediaType: MediaType): void {
    const stream = `${userId}/${index}`
    // All of the stream each time, for a subscription may stand in the place of the former one.
    const all: MediaType = (this.#published.get(stream) ?? 0) | mediaType
    this.#published.set(stream, all)
    const subscribed =
      index === SCREEN ? this.#engine.subscribeScreen(userId, all) : this.#engine.subscribeStream(userId, all)
    for (const kind of kindsOf(mediaType)) {
      void this.#report.subscribed(`${stream}/${kind}`, userId, async () => {
        await subscribed
        const mediaStreamTrack = this.#engine.getRemoteStreamTrack(userId, index, kind)
        if (!mediaStreamTrack) throw new RtcError('MEDIA_FAILED', `volcengine has no ${kind} of ${userId}`)
        return { userId, source: sourceOf(index, kind), kind, local: false, mediaStreamTrack }
      })
    }
  }

  #gone(userId: string, index: StreamIndex, mediaType: number): void {
    const stream = `${userId}/${index}`
    this.#published.set(stream, (this.#published.get(stream) ?? 0) & ~mediaType)
    for (const kind of kindsOf(mediaType)) this.#report.gone(`${stream}/${kind}`)
  }

  #lost(code: string): void {
    if (MESSAGING_ERRORS.has(code)) return
    this.#report.lost('volcengine has ended the connection', new Error(code))
    void this.#giveBack()
  }

  async #giveBack(): Promise<void> {
    await this.#publisher.close()
    await quietly(() => this.#engine.leaveRoom())
    await quietly(() => this.#sdk.destroyEngine(this.#engine))
  }
}

/** It would play what it hears by itself: here the application shows every track, whoever carries it. */
function createEngine(sdk: VolcengineSdk, appId: string): IRTCEngine {
  try {
    return sdk.createEngine(appId, { autoPlayPolicy: 2 satisfies RTCAutoPlayPolicy.PLAY_MANUALLY })
  } catch (error) {
    throw toRtcError(error, 'MEDIA_FAILED', 'volcengine has no engine for this app')
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
