import type { MediaDeviceInfo } from './dom.ts'
import type { Auth } from './auth.ts'
import { BlockedUsers } from './blocked-users.ts'
import type { ImOptions } from './im.ts'
import { IncomingCalls } from './incoming-calls.ts'
import type { ConnectionInfo } from './connection-info.ts'
import { CurrentRoom } from './current-room.ts'
import { RtcError } from './errors.ts'
import { tabDeviceId } from './device-id.ts'
import { DeviceWatch } from './device-watch.ts'
import { Emitter, type RtcEventName, type RtcListener } from './events.ts'
import { Gateway } from './gateway.ts'
import { listDevices } from './media/capture.ts'
import type { ConnectionState, Track } from './media/media.ts'
import type { Participant, Room, RoomEvent } from './model.ts'
import type {
  BrowserPushSubscription,
  CreateRoomOptions,
  InitOptions,
  ListEventsOptions,
  ListRoomsOptions,
  PushAppOptions,
  RoomPage,
} from './options.ts'
import { PushSubscriptions } from './push-subscriptions.ts'
import { checkFlag, checkInit, checkSource, checkText } from './inputs.ts'
import { RoomRequests } from './room-requests.ts'
import { Socket } from './socket.ts'
import type { RoomSession } from './room-session.ts'

/**
 * Rooms and calls of one user, at {@link OpenChatClient.rtc}. A client joins one room at a time; all other methods work on
 * any room.
 *
 * Besides the codes named below, every method throws an {@link RtcError} with BAD_USER_INPUT before anything is sent,
 * for an invalid argument or an unknown option; UNAUTHENTICATED or INTERNAL from the gateway; UNREACHABLE, UNAVAILABLE
 * or RATE_LIMITED after retries for 8 s; and INVALID_STATE after {@link RtcClient.destroy}.
 *
 * @example
 * ```ts
 * rtc.on('trackAdded', ({ userId, mediaStreamTrack }) => show(userId, new MediaStream([mediaStreamTrack])))
 * rtc.on('ended', ({ reason }) => hideCall(reason))
 *
 * const room = await rtc.createRoom({ type: 'p2p', userId: 'bob' })
 * await rtc.joinRoom(room.id)
 * await rtc.enableMicrophone(true)
 * ```
 */
export class RtcClient {
  readonly #auth: { readonly uid: string }
  readonly #socket: Socket
  readonly #emitter = new Emitter()
  readonly #deviceWatch = new DeviceWatch(this.#emitter)
  readonly #calls: IncomingCalls
  readonly #current: CurrentRoom
  readonly #rooms: RoomRequests
  readonly #blocked: BlockedUsers
  readonly #push: PushSubscriptions
  #options: InitOptions = {}
  #ownDeviceId: string | undefined
  #state: ConnectionState = 'disconnected'
  #destroyed = false

  /** @internal */
  constructor({ url, uid, auth, im }: { url: string; uid: string; auth: Auth; im: ImOptions | undefined }) {
    this.#auth = { uid }
    const gateway = new Gateway({ url, auth })
    this.#socket = new Socket({
      url: url.replace(/^http/, 'ws'),
      auth,
      onState: (state) => this.#onSocketState(state),
      // Lost connections are retried silently; a refused token needs the application.
      onTokenError: (error) => error.code === 'UNAUTHENTICATED' && this.#emitter.emit('error', error),
    })
    this.#calls = new IncomingCalls({
      gateway,
      socket: this.#socket,
      emitter: this.#emitter,
      userId: () => this.userId,
      deviceId: () => this.deviceId,
      resolveDeviceId: () => this.#resolveDeviceId(),
      isJoined: (roomId) => this.#current.roomId === roomId,
      im,
      token: () => auth.current,
    })
    this.#current = new CurrentRoom({
      url,
      uid,
      gateway,
      socket: this.#socket,
      emitter: this.#emitter,
      deviceId: () => this.deviceId,
      resolveDeviceId: () => this.#resolveDeviceId(),
      rtcConfiguration: () => this.#options.rtcConfiguration ?? {},
    })
    this.#rooms = new RoomRequests({ gateway, userId: () => this.userId })
    this.#blocked = new BlockedUsers(gateway)
    this.#push = new PushSubscriptions(gateway)
  }

  /** The user's id: while a room is joined the one that the gateway confirmed, otherwise `auth.uid`. */
  get userId(): string {
    return this.#current.session?.userId ?? this.#auth.uid
  }

  /**
   * The id of this device, as the user's other devices see it in {@link IncomingCall.deviceId}: the one given to
   * `init`, else the tab's own, which is `undefined` until the first join or the first listener for `incomingCall`.
   */
  get deviceId(): string | undefined {
    return this.#options.deviceId ?? this.#ownDeviceId
  }

  /** The calls that ring now, while there is a listener for `incomingCall`; a new array after each change. */
  get ringing(): readonly Room[] {
    return this.#calls.ringing
  }

  /** The joined room as of its last event; `undefined` outside a room. */
  get room(): Room | undefined {
    return this.#current.session?.room
  }

  /** The tracks published in the joined room, by this user (`local`) and by the others; empty outside a room. */
  get tracks(): readonly Track[] {
    return this.#current.session?.tracks ?? []
  }

  /** How the media of the joined room is transported; `undefined` outside a room. */
  get connectionInfo(): ConnectionInfo | undefined {
    return this.#current.session?.connectionInfo
  }

  /**
   * Sets the defaults for creating and joining rooms. Optional; a later call replaces the earlier options.
   *
   * @throws RtcError INVALID_STATE while a room is joined
   * @example
   * ```ts
   * await rtc.init({ deviceId: 'kitchen-tablet', rtcConfiguration: { iceTransportPolicy: 'relay' } })
   * ```
   */
  async init(options: InitOptions = {}): Promise<void> {
    this.#requireAlive()
    if (this.#current.roomId !== undefined) throw invalidState('Leave the room before you call init again.')
    checkInit(options)
    if (options.appKey !== undefined) {
      console.warn(
        '@openchat/sdk: appKey is not needed and never sent. Remove it: anybody who has it can enter your rooms.',
      )
    }
    this.#options = options
  }

  /**
   * Creates a room and rings for those invited. The creator joins it with {@link RtcClient.joinRoom}. While a call to
   * the same user already rings, an identical call returns that one, and a different call replaces it.
   *
   * @throws RtcError PROVIDER_NOT_CONFIGURED; IDEMPOTENCY_CONFLICT for a `requestId` that was used with other options
   * @example
   * ```ts
   * const call = await rtc.createRoom({ type: 'p2p', userId: 'bob', mediaType: 'audio' })
   * const standup = await rtc.createRoom({ type: 'group', userIds: ['bob', 'carol'], name: 'Stand-up' })
   * ```
   */
  async createRoom(options: CreateRoomOptions): Promise<Room> {
    this.#requireAlive()
    return this.#rooms.create(options, this.#options)
  }

  /**
   * Joins a room: one that was created, or one that rings, which answers the call. Publishes nothing yet. Joining the
   * joined room returns it.
   *
   * @throws RtcError NOT_FOUND, ROOM_ENDED, NOT_INVITED, ROOM_FULL; FORBIDDEN for a user who was removed; INVALID_STATE
   * while another room is joined; PROVIDER_SDK_MISSING, NOT_SUPPORTED or MEDIA_FAILED if the media cannot be opened,
   * after leaving the room again
   * @example
   * ```ts
   * rtc.on('incomingCall', async ({ type, room }) => {
   *   if (type !== 'ringing') return
   *   await rtc.joinRoom(room.id)
   *   await rtc.enableMicrophone(true)
   * })
   * ```
   */
  async joinRoom(roomId: string): Promise<Room> {
    this.#requireAlive()
    checkText('roomId', roomId)
    return this.#current.join(roomId)
  }

  /**
   * Publishes the camera, or stops publishing it.
   *
   * @throws RtcError DEVICE_DENIED, DEVICE_NOT_FOUND, DEVICE_FAILED, NOT_SUPPORTED, MEDIA_FAILED; INVALID_STATE outside
   * a room; FORBIDDEN for an observer
   * @example
   * ```ts
   * try {
   *   await rtc.enableCamera(true)
   * } catch (error) {
   *   if (error instanceof RtcError && error.code === 'DEVICE_DENIED') notify('The browser does not allow the camera.')
   * }
   * ```
   */
  async enableCamera(enabled: boolean): Promise<void> {
    checkFlag('enabled', enabled)
    await this.#requireSession().publish('camera', enabled)
  }

  /**
   * Publishes the microphone, or mutes it. The device may stay open while muted.
   *
   * @throws RtcError the same as {@link RtcClient.enableCamera}
   * @example
   * ```ts
   * await rtc.enableMicrophone(false)
   * ```
   */
  async enableMicrophone(enabled: boolean): Promise<void> {
    checkFlag('enabled', enabled)
    await this.#requireSession().publish('microphone', enabled)
  }

  /**
   * Publishes the screen, window or tab that the user picks, or stops publishing it. Call it from a user gesture, which
   * [browsers require](https://www.w3.org/TR/screen-capture/#dom-mediadevices-getdisplaymedia).
   *
   * @throws RtcError the same as {@link RtcClient.enableCamera}
   * @example
   * ```ts
   * shareButton.addEventListener('click', () => void rtc.enableScreenShare(true))
   * ```
   */
  async enableScreenShare(enabled: boolean): Promise<void> {
    checkFlag('enabled', enabled)
    await this.#requireSession().publish('screen', enabled)
  }

  /**
   * Cameras and microphones. Needs no room. Browsers give their labels once one of them was allowed:
   * https://www.w3.org/TR/mediacapture-streams/#dom-mediadevices-enumeratedevices
   *
   * @throws RtcError NOT_SUPPORTED, for instance in a page without https
   */
  async listDevices(): Promise<MediaDeviceInfo[]> {
    this.#requireAlive()
    return listDevices()
  }

  /**
   * Selects a device for this room, effective at once if the source is published. If it cannot be opened, the previous
   * device stays in use. If a selected device disappears later, the default one replaces it and `deviceFallback` is
   * emitted.
   *
   * @throws RtcError the same as {@link RtcClient.enableCamera}
   * @example
   * ```ts
   * const [first] = (await rtc.listDevices()).filter(({ kind }) => kind === 'audioinput')
   * if (first) await rtc.selectDevice('microphone', first.deviceId)
   * ```
   */
  async selectDevice(source: 'camera' | 'microphone', deviceId: string): Promise<void> {
    checkSource(source)
    checkText('deviceId', deviceId)
    await this.#requireSession().selectDevice(source, deviceId)
  }

  /**
   * Leaves a room, by default the joined one. Leaving a call ends it; leaving before joining declines the invitation.
   * Devices are released even if the gateway cannot be reached.
   *
   * @throws RtcError NOT_FOUND; FORBIDDEN for a room of others; INVALID_STATE if no room is joined and none is named
   * @example
   * ```ts
   * await rtc.leaveRoom()
   * ```
   */
  async leaveRoom(roomId?: string): Promise<Room> {
    return this.#current.leave(this.#requireRoomId(roomId))
  }

  /**
   * Ends a room for everybody, by default the joined one. Either side ends a `p2p` call, the host a group.
   *
   * @throws RtcError NOT_FOUND; FORBIDDEN for others; INVALID_STATE if no room is joined and none is named
   * @example
   * ```ts
   * const { endReason } = await rtc.endRoom()
   * ```
   */
  async endRoom(roomId?: string): Promise<Room> {
    return this.#current.ended(await this.#rooms.end(this.#requireRoomId(roomId)))
  }

  /**
   * Declines a ringing call or invitation.
   *
   * @param reason - `busy` ends a `p2p` call as busy
   * @throws RtcError NOT_FOUND; FORBIDDEN for the caller and for others; CONFLICT if it no longer rings
   * @example
   * ```ts
   * await rtc.rejectCall(room.id, 'busy')
   * ```
   */
  async rejectCall(roomId: string, reason: 'declined' | 'busy' = 'declined'): Promise<Room> {
    this.#requireAlive()
    return this.#rooms.reject(roomId, reason)
  }

  /**
   * Invites 1 to 100 users into a group; it rings for them.
   *
   * @throws RtcError NOT_FOUND, ROOM_ENDED, ROOM_FULL; FORBIDDEN for anybody but the host
   */
  async inviteParticipants(roomId: string, userIds: readonly string[]): Promise<Room> {
    this.#requireAlive()
    return this.#rooms.invite(roomId, userIds)
  }

  /**
   * Makes a joined participant the host of a group.
   *
   * @throws RtcError NOT_FOUND, ROOM_ENDED; FORBIDDEN for anybody but the host; CONFLICT if they have not joined
   */
  async transferHost(roomId: string, userId: string): Promise<Room> {
    this.#requireAlive()
    return this.#rooms.transferHost(roomId, userId)
  }

  /**
   * Removes somebody from a group, until they are invited again.
   *
   * @throws RtcError NOT_FOUND, ROOM_ENDED; FORBIDDEN for anybody but the host
   */
  async removeParticipant(roomId: string, userId: string): Promise<Room> {
    this.#requireAlive()
    return this.#rooms.remove(roomId, userId)
  }

  /**
   * Blocks a user: their calls and invitations no longer ring here, while the caller sees them ring until they are
   * missed. A call that already rings keeps ringing; reject it.
   *
   * @throws RtcError BAD_USER_INPUT for oneself; CONFLICT when 1000 users are blocked
   */
  async blockUser(userId: string): Promise<void> {
    this.#requireAlive()
    await this.#blocked.add(userId)
  }

  /** Unblocks a user: their calls and invitations ring again. */
  async unblockUser(userId: string): Promise<void> {
    this.#requireAlive()
    await this.#blocked.remove(userId)
  }

  /** The ids of the blocked users, sorted; at most 1000. */
  async blockedUsers(): Promise<string[]> {
    this.#requireAlive()
    return this.#blocked.list()
  }

  /**
   * The `applicationServerKey` for `pushManager.subscribe`; null if the gateway has no keys for Web Push.
   */
  async webPushPublicKey(): Promise<string | null> {
    this.#requireAlive()
    return this.#push.publicKey()
  }

  /**
   * Pushes the user's incoming calls to this browser, even when no page is open. Repeat it whenever the page starts: a
   * subscription that is neither registered nor used for 90 days is deleted.
   *
   * @param subscription - of `pushManager.subscribe`, or its JSON
   * @returns the id of the subscription
   * @throws RtcError BAD_USER_INPUT; PROVIDER_NOT_CONFIGURED if the gateway has no keys for Web Push
   */
  async registerPushSubscription(
    subscription: BrowserPushSubscription | { toJSON(): BrowserPushSubscription },
    { deviceId }: { readonly deviceId?: string } = {},
  ): Promise<string> {
    this.#requireAlive()
    return this.#push.registerBrowser(subscription, deviceId)
  }

  /**
   * Pushes the user's incoming calls to an app, through the gateway's push gateway.
   *
   * @returns the id of the subscription
   * @throws RtcError BAD_USER_INPUT; PROVIDER_NOT_CONFIGURED if the gateway has no push gateway
   */
  async registerPushApp(app: PushAppOptions): Promise<string> {
    this.#requireAlive()
    return this.#push.registerApp(app)
  }

  /** Stops pushing calls to a browser or an app, named by the id of its subscription or by the browser's endpoint. */
  async unregisterPushSubscription(
    subscription: { readonly id: string } | { readonly endpoint: string },
  ): Promise<void> {
    this.#requireAlive()
    await this.#push.unregister(subscription)
  }

  /**
   * A room with its participants, as it is now.
   *
   * @throws RtcError NOT_FOUND; FORBIDDEN for a room of others
   * @example
   * ```ts
   * const { status, participants } = await rtc.getRoom(room.id)
   * ```
   */
  async getRoom(roomId: string): Promise<Room> {
    this.#requireAlive()
    return this.#rooms.get(roomId)
  }

  /**
   * All participants, past and present, in the order they were added.
   *
   * @throws RtcError NOT_FOUND; FORBIDDEN for a room of others
   */
  async getParticipants(roomId: string): Promise<readonly Participant[]> {
    const { participants } = await this.getRoom(roomId)
    return participants
  }

  /**
   * Reads a room's log, from the first event on or after a cursor.
   *
   * @throws RtcError NOT_FOUND; FORBIDDEN for a room of others
   */
  async getEvents(roomId: string, options: ListEventsOptions = {}): Promise<readonly RoomEvent[]> {
    this.#requireAlive()
    return this.#rooms.events(roomId, options)
  }

  /**
   * The user's rooms, current and past, newest first.
   *
   * @example
   * ```ts
   * const { rooms, endCursor } = await rtc.listRooms({ peer: 'bob', status: 'ended' })
   * const earlier = endCursor === null ? [] : (await rtc.listRooms({ peer: 'bob', after: endCursor })).rooms
   * ```
   */
  async listRooms(options: ListRoomsOptions = {}): Promise<RoomPage> {
    this.#requireAlive()
    return this.#rooms.list(options)
  }

  /**
   * Adds a listener for one of the {@link RtcEvents}. The first listener for `incomingCall` subscribes to the user's
   * rings. A listener that throws or rejects is logged to the console and does not affect the others.
   *
   * @returns a function that removes the listener
   * @throws RtcError INVALID_STATE after `destroy`
   * @example
   * ```ts
   * const stop = rtc.on('roomUpdated', ({ seq, type, room }) => console.log(seq, type, room.status))
   * stop()
   * ```
   */
  on<Name extends RtcEventName>(name: Name, listener: RtcListener<Name>): () => void {
    this.#requireAlive()
    this.#emitter.on(name, listener)
    if (name === 'incomingCall') this.#calls.addListener(listener as RtcListener<'incomingCall'>)
    if (name === 'devicesChanged') this.#deviceWatch.start()
    return () => this.off(name, listener)
  }

  /** Removes a listener; one that was not added changes nothing. Never throws. */
  off<Name extends RtcEventName>(name: Name, listener: RtcListener<Name>): void {
    this.#emitter.off(name, listener)
    if (this.#emitter.has(name)) return
    if (name === 'incomingCall') this.#calls.stop()
    if (name === 'devicesChanged') this.#deviceWatch.stop()
  }

  /**
   * Leaves the joined room, releases devices and connections and removes all listeners; later calls throw
   * INVALID_STATE. Never throws itself. The leave waits 100 ms, so that a component that React mounts again can join
   * and keep the call.
   */
  async destroy(): Promise<void> {
    if (this.#destroyed) return
    this.#destroyed = true
    this.#deviceWatch.stop()
    this.#calls.stop()
    await this.#current.destroy()
    await this.#socket.close()
    this.#emitter.clear()
  }

  async #resolveDeviceId(): Promise<string> {
    if (this.deviceId !== undefined) return this.deviceId
    const found = await tabDeviceId()
    this.#ownDeviceId ??= found
    return this.deviceId ?? found
  }

  #onSocketState(state: ConnectionState): void {
    if (state === this.#state) return
    this.#state = state
    this.#emitter.emit('connectionStateChanged', { of: 'gateway', userId: null, state })
    if (state === 'connected') this.#calls.reconnected()
  }

  #requireAlive(): void {
    if (this.#destroyed) throw invalidState('This client has been destroyed.')
  }

  #requireSession(): RoomSession {
    this.#requireAlive()
    const { session } = this.#current
    if (!session) throw invalidState('Join a room first.')
    return session
  }

  #requireRoomId(roomId: string | undefined): string {
    this.#requireAlive()
    if (roomId !== undefined) checkText('roomId', roomId)
    const id = roomId ?? this.#current.roomId
    if (id === undefined) throw invalidState('No room is joined: pass a roomId.')
    return id
  }
}

const invalidState = (message: string) => new RtcError('INVALID_STATE', message)
