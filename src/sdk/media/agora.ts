import type { IAgoraRTC, IAgoraRTCClient, IAgoraRTCRemoteUser, ILocalTrack } from 'agora-rtc-sdk-ng'
import { type ClientErrorCode, RtcError } from '../errors.ts'
import { codedDeviceError } from './device-error.ts'
import type { Participant } from '../model.ts'
import type { ConnectionState, MediaHost, MediaSource, OpenMedia, Track } from './media.ts'
import type { Capture } from './publisher.ts'
import { agoraSdk, credential, numericId } from './vendor.ts'
import { VendorSession } from './vendor-session.ts'

const STATES: Readonly<Record<string, ConnectionState>> = {
  CONNECTING: 'connecting',
  CONNECTED: 'connected',
  RECONNECTING: 'reconnecting',
}

/** Device errors by AgoraRTCErrorCode. */
const DEVICE_CODES: ReadonlyMap<unknown, ClientErrorCode> = new Map([
  ['PERMISSION_DENIED', 'DEVICE_DENIED'],
  ['DEVICE_NOT_FOUND', 'DEVICE_NOT_FOUND'],
  ['MEDIA_OPTION_INVALID', 'DEVICE_NOT_FOUND'],
  ['CONSTRAINT_NOT_SATISFIED', 'DEVICE_NOT_FOUND'],
  ['NOT_READABLE', 'DEVICE_FAILED'],
  ['NOT_SUPPORTED', 'NOT_SUPPORTED'],
  ['WEB_SECURITY_RESTRICT', 'NOT_SUPPORTED'],
])

/**
 * Media through Agora. Agora carries one video track per participant, camera or screen but not both, and does not tell
 * receivers which; a received video is always reported as `camera`.
 */
export const openAgora: OpenMedia = async (host) => {
  const sdk = await agoraSdk()
  if (!sdk.checkSystemRequirements()) throw new RtcError('NOT_SUPPORTED', 'agora needs a browser with WebRTC')
  return new AgoraSession(host, sdk).join()
}

class AgoraSession extends VendorSession {
  readonly #sdk: IAgoraRTC
  readonly #client: IAgoraRTCClient
  /** User ids by Agora's uid, which never changes within a room. */
  readonly #userIds = new Map<number, string>()
  /** Publications of users whose join the gateway has not reported yet, by track key. */
  readonly #unknown = new Map<string, { readonly user: IAgoraRTCRemoteUser; readonly kind: Track['kind'] }>()

  constructor(host: MediaHost, sdk: IAgoraRTC) {
    super('agora', host)
    this.#sdk = sdk
    this.#client = sdk.createClient({ mode: 'rtc', codec: 'vp8' })
    this.others(host.others)
    this.#listen()
  }

  /** Learns the uids of new participants and subscribes to what they have published already. */
  override others(participants: readonly Participant[]): void {
    for (const { uid, userId } of participants) this.#userIds.set(uid, userId)
    for (const [key, { user, kind }] of this.#unknown) {
      if (!this.#userIds.has(Number(user.uid))) continue
      this.#unknown.delete(key)
      void this.#subscribe(user, kind)
    }
  }

  override async publish(source: MediaSource, enabled: boolean): Promise<void> {
    const rival = source === 'camera' ? 'screen' : 'camera'
    if (enabled && source !== 'microphone' && this.publisher.publishes(rival)) {
      throw new RtcError(
        'NOT_SUPPORTED',
        `agora carries one video track: unpublish the ${rival} before publishing the ${source}`,
      )
    }
    await super.publish(source, enabled)
  }

  protected connect(): Promise<unknown> {
    const { connection } = this.host
    const [appId, token] = [credential(connection, 'appId'), credential(connection, 'token')]
    return this.#client.join(appId, connection.roomId, token, numericId(connection))
  }

  protected leave(): Promise<void> {
    return this.#client.leave()
  }

  protected useToken(token: string): Promise<void> {
    return this.#client.renewToken(token)
  }

  #listen(): void {
    const client = this.#client
    client.on('connection-state-change', (state, _previous, reason) => {
      const known = STATES[state]
      if (known) this.reporter.setState(known)
      if (state === 'DISCONNECTED') this.lost(reason ?? 'UNKNOWN_REASON')
    })
    client.on('user-published', (user, mediaType) => {
      if (mediaType !== 'datachannel') void this.#subscribe(user, mediaType)
    })
    client.on('user-unpublished', (user, mediaType) => {
      this.#unknown.delete(keyOf(user, mediaType))
      this.reporter.removeTrack(keyOf(user, mediaType))
    })
    client.on('user-left', (user) => {
      for (const kind of ['audio', 'video'] as const) this.#unknown.delete(keyOf(user, kind))
      const userId = this.#userIds.get(Number(user.uid))
      if (userId !== undefined) this.reporter.removeUser(userId)
    })
    client.on('token-privilege-will-expire', () => this.expiring())
    client.on('token-privilege-did-expire', () => this.lost('TOKEN_EXPIRE'))
  }

  async #subscribe(user: IAgoraRTCRemoteUser, kind: Track['kind']): Promise<void> {
    const key = keyOf(user, kind)
    const userId = this.#userIds.get(Number(user.uid))
    if (userId === undefined) {
      this.#unknown.set(key, { user, kind })
      return
    }
    await this.reporter.trackSubscription(key, userId, async () => {
      const track = await (kind === 'audio'
        ? this.#client.subscribe(user, 'audio')
        : this.#client.subscribe(user, 'video'))
      track.on('track-updated', (updated: MediaStreamTrack) => this.reporter.replaceTrack(key, updated))
      const source = kind === 'audio' ? 'microphone' : 'camera'
      return { userId, source, kind, local: false, mediaStreamTrack: track.getMediaStreamTrack() }
    })
  }

  protected async open(source: MediaSource, deviceId: string | undefined): Promise<Capture> {
    const throwDeviceError = (id: string | undefined) => (error: unknown) => this.#deviceError(error, source, id)
    const { track, setDevice } = await this.#capture(source, deviceId).catch(throwDeviceError(deviceId))
    // Agora emits `track-updated` just before it replaces the track.
    track.on('track-updated', () => queueMicrotask(() => this.publisher.refresh(source)))
    track.on('track-ended', () => void this.publisher.ended(source))
    return {
      mediaStreamTrack: () => track.getMediaStreamTrack(),
      publish: () => this.#client.publish(track),
      unpublish: () => this.#client.unpublish(track),
      selectDevice: (id) => setDevice(id).catch(throwDeviceError(id)),
      stop: () => track.close(),
    }
  }

  async #capture(source: MediaSource, deviceId: string | undefined): Promise<Opened> {
    if (source === 'screen') {
      return { track: await this.#sdk.createScreenVideoTrack({}, 'disable'), setDevice: async () => undefined }
    }
    const track = await (source === 'camera'
      ? this.#sdk.createCameraVideoTrack(deviceId === undefined ? {} : { cameraId: deviceId })
      : this.#sdk.createMicrophoneAudioTrack(deviceId === undefined ? {} : { microphoneId: deviceId }))
    return { track, setDevice: (id) => track.setDevice(id) }
  }

  /** Agora reports a missing device as UNEXPECTED_ERROR; the list of devices tells whether it is one. */
  async #deviceError(thrown: unknown, source: MediaSource, deviceId: string | undefined): Promise<never> {
    const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
    if (code === 'UNEXPECTED_ERROR' && deviceId !== undefined) {
      const devices = await this.#sdk.getDevices(true).catch(() => undefined)
      if (devices?.every((device) => device.deviceId !== deviceId)) {
        throw codedDeviceError('DEVICE_NOT_FOUND', thrown, source)
      }
    }
    throw codedDeviceError(DEVICE_CODES.get(code), thrown, source)
  }
}

interface Opened {
  readonly track: ILocalTrack
  readonly setDevice: (deviceId: string) => Promise<void>
}

function keyOf(user: IAgoraRTCRemoteUser, mediaType: string): string {
  return `${user.uid}/${mediaType}`
}
