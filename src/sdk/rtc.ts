import type { MediaDeviceInfo } from './dom.ts'
import type { Auth } from './auth.ts'
import { BlockedUsers } from './blocked-users.ts'
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
import type { CreateRoomOptions, InitOptions, ListEventsOptions, ListRoomsOptions, RoomPage } from './options.ts'
import { checkFlag, checkInit, checkSource, checkText } from './inputs.ts'
import { RoomRequests } from './room-requests.ts'
import { Socket } from './socket.ts'
import type { RoomSession } from './room-session.ts'

/**
 * Rooms and calls of one user. One room at a time is joined; everything else may be asked of any room.
 *
 * Every method throws an {@link RtcError}: with a code of the gateway's table, BAD_USER_INPUT at once for an argument that
 * cannot be meant, UNREACHABLE when the gateway does not answer for 8 s, or INVALID_STATE when it is called out of order
 * or after `destroy`.
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
  #options: InitOptions = {}
  #ownDeviceId: string | undefined
  #state: ConnectionState = 'disconnected'
  #destroyed = false

  /** @internal */
  constructor({ url, uid, auth }: { url: string; uid: string; auth: Auth }) {
    this.#auth = { uid }
    const gateway = new Gateway({ url, auth })
    this.#socket = new Socket({
      url: url.replace(/^http/, 'ws'),
      auth,
      onState: (state) => this.#onSocketState(state),
      // Connections come and go; a token that is refused is for the application to know.
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
  }

  /** The user: as the gateway says it once a room was joined, before that `auth.uid`. */
  get userId(): string {
    return this.#current.session?.userId ?? this.#auth.uid
  }

  /**
   * This device, as others of the same user see it in `answered`: what `init` was given, or else the tab's own, which is
   * `undefined` until a first room is joined or calls are listened for.
   */
  get deviceId(): string | undefined {
    return this.#options.deviceId ?? this.#ownDeviceId
  }

  /** What rings now, while `incomingCall` is listened for; another array whenever it has changed. */
  get ringing(): readonly Room[] {
    return this.#calls.ringing
  }

  /** The room that is joined, as of its last event. */
  get room(): Room | undefined {
    return this.#current.session?.room
  }

  /** What is published in the room that is joined, by this user (`local`) and by the others. */
  get tracks(): readonly Track[] {
    return this.#current.session?.tracks ?? []
  }

  /** How the media of the room that is joined is carried; `undefined` outside a room. */
  get connectionInfo(): ConnectionInfo | undefined {
    return this.#current.session?.connectionInfo
  }

  /**
   * Says how rooms are made and entered. Not required; again, it replaces what was said.
   *
   * @throws RtcError INVALID_STATE while a room is joined, BAD_USER_INPUT
   */
  async init(options: InitOptions = {}): Promise<void> {
    this.#requireAlive()
    if (this.#current.roomId !== undefined) throw invalidState('Leave the room before you call init again.')
    checkInit(options)
    if (options.appKey !== undefined) {
      console.warn(
        '@openchat/sdk: appKey is not needed and never sent. Take it out: whoever has it can enter your rooms.',
      )
    }
    this.#options = options
  }

  /**
   * Creates a room and rings for those invited. The creator enters it by `joinRoom`. While a call to the same user rings
   * already, an equal call is that call, and another one replaces it.
   *
   * @throws RtcError BAD_USER_INPUT, PROVIDER_NOT_CONFIGURED, IDEMPOTENCY_CONFLICT
   */
  async createRoom(options: CreateRoomOptions): Promise<Room> {
    this.#requireAlive()
    return this.#rooms.create(options, this.#options)
  }

  /**
   * Enters a room: one that was created, or one that rings. Nothing is published yet.
   *
   * @throws RtcError ROOM_ENDED, NOT_INVITED, ROOM_FULL, FORBIDDEN, NOT_FOUND; INVALID_STATE while another room is joined;
   * PROVIDER_SDK_MISSING, NOT_SUPPORTED, MEDIA_FAILED when its media cannot be reached, and then the room is left again
   */
  async joinRoom(roomId: string): Promise<Room> {
    this.#requireAlive()
    checkText('roomId', roomId)
    return this.#current.join(roomId)
  }

  /**
   * Publishes the camera, or switches it off.
   *
   * @throws RtcError DEVICE_DENIED, DEVICE_NOT_FOUND, DEVICE_FAILED, NOT_SUPPORTED, MEDIA_FAILED; INVALID_STATE outside a
   * room, FORBIDDEN for an observer
   */
  async enableCamera(enabled: boolean): Promise<void> {
    checkFlag('enabled', enabled)
    await this.#requireSession().publish('camera', enabled)
  }

  /**
   * Publishes the microphone, or mutes it. It may stay open while muted.
   *
   * @throws RtcError as `enableCamera`
   */
  async enableMicrophone(enabled: boolean): Promise<void> {
    checkFlag('enabled', enabled)
    await this.#requireSession().publish('microphone', enabled)
  }

  /**
   * Publishes what the user picks of the screen, or ceases to. Call it out of a click: browsers ask for one.
   *
   * @throws RtcError as `enableCamera`
   */
  async enableScreenShare(enabled: boolean): Promise<void> {
    checkFlag('enabled', enabled)
    await this.#requireSession().publish('screen', enabled)
  }

  /** Cameras and microphones. @throws RtcError NOT_SUPPORTED */
  async listDevices(): Promise<MediaDeviceInfo[]> {
    this.#requireAlive()
    return listDevices()
  }

  /**
   * Uses another device, now if the source is published, and from now on in this room. If it cannot be opened, the one
   * before goes on. A chosen device that is not there later gives way to the default one, by the event `deviceFallback`.
   *
   * @throws RtcError as `enableCamera`
   */
  async selectDevice(source: 'camera' | 'microphone', deviceId: string): Promise<void> {
    checkSource(source)
    checkText('deviceId', deviceId)
    await this.#requireSession().selectDevice(source, deviceId)
  }

  /**
   * Leaves a room, by default the one that is joined; a call between two ends with it. An invitation is declined by it.
   * Devices are given back even if the gateway cannot be told.
   *
   * @throws RtcError FORBIDDEN, NOT_FOUND
   */
  async leaveRoom(roomId?: string): Promise<Room> {
    return this.#current.leave(this.#requireRoomId(roomId))
  }

  /**
   * Ends a room for everybody, by default the one that is joined.
   *
   * @throws RtcError FORBIDDEN, NOT_FOUND
   */
  async endRoom(roomId?: string): Promise<Room> {
    return this.#current.ended(await this.#rooms.end(this.#requireRoomId(roomId)))
  }

  /**
   * Declines what rings.
   *
   * @throws RtcError CONFLICT when it rings no more
   */
  async rejectCall(roomId: string, reason: 'declined' | 'busy' = 'declined'): Promise<Room> {
    this.#requireAlive()
    return this.#rooms.reject(roomId, reason)
  }

  /** Invites into a group of one's own. @throws RtcError FORBIDDEN, ROOM_ENDED, ROOM_FULL */
  async inviteParticipants(roomId: string, userIds: readonly string[]): Promise<Room> {
    this.#requireAlive()
    return this.#rooms.invite(roomId, userIds)
  }

  /** Hands a group of one's own to somebody who has joined it. @throws RtcError FORBIDDEN, NOT_FOUND, CONFLICT, ROOM_ENDED */
  async transferHost(roomId: string, userId: string): Promise<Room> {
    this.#requireAlive()
    return this.#rooms.transferHost(roomId, userId)
  }

  /** Puts somebody out of a group of one's own, until they are invited again. @throws RtcError FORBIDDEN, NOT_FOUND, ROOM_ENDED */
  async removeParticipant(roomId: string, userId: string): Promise<Room> {
    this.#requireAlive()
    return this.#rooms.remove(roomId, userId)
  }

  /**
   * From now on no call and no invitation of this user rings for you; they see it ring until it is missed. What rings
   * already goes on: reject it.
   *
   * @throws RtcError BAD_USER_INPUT for oneself, CONFLICT when 1000 users are blocked
   */
  async blockUser(userId: string): Promise<void> {
    this.#requireAlive()
    await this.#blocked.add(userId)
  }

  /** Calls and invitations of this user ring again. */
  async unblockUser(userId: string): Promise<void> {
    this.#requireAlive()
    await this.#blocked.remove(userId)
  }

  /** The ids of those whom you have blocked, in their order. */
  async blockedUsers(): Promise<string[]> {
    this.#requireAlive()
    return this.#blocked.list()
  }

  /** @throws RtcError NOT_FOUND, FORBIDDEN */
  async getRoom(roomId: string): Promise<Room> {
    this.#requireAlive()
    return this.#rooms.get(roomId)
  }

  /** Everybody who ever had a place in the room, in the order they came. @throws RtcError NOT_FOUND, FORBIDDEN */
  async getParticipants(roomId: string): Promise<readonly Participant[]> {
    const { participants } = await this.getRoom(roomId)
    return participants
  }

  /**
   * What happened in a room, from its first event on: at most `first` entries of its log (100 by default, 500 at most)
   * behind the number `after`.
   *
   * @throws RtcError NOT_FOUND, FORBIDDEN, BAD_USER_INPUT
   */
  async getEvents(roomId: string, options: ListEventsOptions = {}): Promise<readonly RoomEvent[]> {
    this.#requireAlive()
    return this.#rooms.events(roomId, options)
  }

  /** The user's rooms, the present and the past ones. */
  async listRooms(options: ListRoomsOptions = {}): Promise<RoomPage> {
    this.#requireAlive()
    return this.#rooms.list(options)
  }

  /**
   * Listens. Listening for `incomingCall` subscribes to what rings for the user.
   *
   * @returns what ends the listening
   */
  on<Name extends RtcEventName>(name: Name, listener: RtcListener<Name>): () => void {
    this.#requireAlive()
    this.#emitter.on(name, listener)
    if (name === 'incomingCall') this.#calls.addListener(listener as RtcListener<'incomingCall'>)
    if (name === 'devicesChanged') this.#deviceWatch.start()
    return () => this.off(name, listener)
  }

  off<Name extends RtcEventName>(name: Name, listener: RtcListener<Name>): void {
    this.#emitter.off(name, listener)
    if (this.#emitter.has(name)) return
    if (name === 'incomingCall') this.#calls.stop()
    if (name === 'devicesChanged') this.#deviceWatch.stop()
  }

  /** Leaves the room that is joined and gives everything back; what is called afterwards throws. Never throws itself. */
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
    if (this.#destroyed) throw invalidState('This client was destroyed.')
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
    if (id === undefined) throw invalidState('No room is joined; say which.')
    return id
  }
}

const invalidState = (message: string) => new RtcError('INVALID_STATE', message)
