import type { MediaDeviceInfo } from './dom.ts'
import type { Auth } from './auth.ts'
import { pause } from './backoff.ts'
import { IncomingCalls } from './incoming-calls.ts'
import type { ConnectionInfo } from './connection-info.ts'
import { connectionOf, eventOf, participantOf, roomOf, upper } from './convert.ts'
import { RtcError } from './errors.ts'
import { tabDeviceId } from './device-id.ts'
import { DeviceWatch } from './device-watch.ts'
import { Emitter, type RtcEventName, type RtcListener } from './events.ts'
import { Gateway, isRetryable, type RequestOptions } from './gateway.ts'
import {
  BlockedUsersDocument,
  BlockUserDocument,
  CreateRoomDocument,
  EndRoomDocument,
  GetEventsDocument,
  GetRoomDocument,
  InviteParticipantsDocument,
  JoinRoomDocument,
  LeaveRoomDocument,
  ListRoomsDocument,
  RejectCallDocument,
  RemoveParticipantDocument,
  TransferHostDocument,
  UnblockUserDocument,
} from './generated/graphql.ts'
import { listDevices } from './media/capture.ts'
import { openMediaOf } from './media/engines.ts'
import type { ConnectionState, Track } from './media/media.ts'
import type { Participant, Room, RoomEvent } from './model.ts'
import type { CreateRoomOptions, InitOptions, ListEventsOptions, ListRoomsOptions, RoomPage } from './options.ts'
import {
  checkFlag,
  checkInit,
  checkListEvents,
  checkReason,
  checkSource,
  checkText,
  checkTexts,
  createRoomInput,
  listRoomsVariables,
} from './inputs.ts'
import { beginSession, type Session } from './tab-seat.ts'
import { Socket } from './socket.ts'
import { type JoinResult, RoomSession } from './room-session.ts'

/**
 * Milliseconds for which the leave of a client that is destroyed waits: a component that is mounted again, as React does in
 * StrictMode and after a hot reload, joins meanwhile, and the leave of the session before changes nothing any more.
 */
const REMOUNT_DELAY = 100

/**
 * Rooms and calls of one user. One room at a time is joined; everything else may be asked of any room.
 *
 * Every method throws an {@link RtcError}: with a code of the gateway's table, BAD_USER_INPUT at once for an argument that
 * cannot be meant, UNREACHABLE when the gateway does not answer for 8 s, or INVALID_STATE when it is called out of order
 * or after `destroy`.
 */
export class RtcClient {
  readonly #auth: { readonly uid: string }
  readonly #url: string
  readonly #gateway: Gateway
  readonly #socket: Socket
  readonly #emitter = new Emitter()
  readonly #deviceWatch = new DeviceWatch(this.#emitter)
  readonly #calls: IncomingCalls
  #options: InitOptions = {}
  #ownDeviceId: string | undefined
  #session: RoomSession | undefined
  #departing: Promise<Room> | undefined
  #joining: { readonly roomId: string; readonly room: Promise<Room> } | undefined
  #state: ConnectionState = 'disconnected'
  #destroyed = false

  /** @internal */
  constructor({ url, uid, auth }: { url: string; uid: string; auth: Auth }) {
    this.#auth = { uid }
    this.#url = url
    this.#gateway = new Gateway({ url, auth })
    this.#socket = new Socket({
      url: url.replace(/^http/, 'ws'),
      auth,
      onState: (state) => this.#onSocketState(state),
      // Connections come and go; a token that is refused is for the application to know.
      onTokenError: (error) => error.code === 'UNAUTHENTICATED' && this.#emitter.emit('error', error),
    })
    this.#calls = new IncomingCalls({
      gateway: this.#gateway,
      socket: this.#socket,
      emitter: this.#emitter,
      userId: () => this.userId,
      deviceId: () => this.deviceId,
      resolveDeviceId: () => this.#resolveDeviceId(),
      isJoined: (roomId) => this.#session?.room.id === roomId || this.#joining?.roomId === roomId,
    })
  }

  /** The user: as the gateway says it once a room was joined, before that `auth.uid`. */
  get userId(): string {
    return this.#session?.userId ?? this.#auth.uid
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
    return this.#session?.room
  }

  /** What is published in the room that is joined, by this user (`local`) and by the others. */
  get tracks(): readonly Track[] {
    return this.#session?.tracks ?? []
  }

  /** How the media of the room that is joined is carried; `undefined` outside a room. */
  get connectionInfo(): ConnectionInfo | undefined {
    return this.#session?.connectionInfo
  }

  /**
   * Says how rooms are made and entered. Not required; again, it replaces what was said.
   *
   * @throws RtcError INVALID_STATE while a room is joined, BAD_USER_INPUT
   */
  async init(options: InitOptions = {}): Promise<void> {
    this.#requireAlive()
    if (this.#session || this.#joining) throw invalidState('Leave the room before you call init again.')
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
    const input = createRoomInput(options, this.#options)
    const { createRoom } = await this.#gateway.request(CreateRoomDocument, { input })
    return roomOf(createRoom.room)
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
    if (this.#session?.room.id === roomId) return this.#session.room
    if (this.#joining?.roomId === roomId) return this.#joining.room
    if (this.#session || this.#joining) throw invalidState('One room at a time: leave the other first.')
    const room = this.#joinAfter(this.#departing, roomId).finally(() => {
      this.#joining = undefined
    })
    this.#joining = { roomId, room }
    return room
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
    const id = this.#requireRoomId(roomId)
    if (this.#joining?.roomId === id) await this.#joining.room.catch(() => undefined)
    const roomSession = this.#session
    if (roomSession?.room.id === id) return this.#depart(roomSession, () => this.#sendLeave(id, roomSession.session))
    return this.#sendLeave(id)
  }

  /**
   * Ends a room for everybody, by default the one that is joined.
   *
   * @throws RtcError FORBIDDEN, NOT_FOUND
   */
  async endRoom(roomId?: string): Promise<Room> {
    const { endRoom } = await this.#gateway.request(EndRoomDocument, { input: { roomId: this.#requireRoomId(roomId) } })
    const room = roomOf(endRoom.room)
    return this.#session?.room.id === room.id ? this.#depart(this.#session, async () => room) : room
  }

  /**
   * Declines what rings.
   *
   * @throws RtcError CONFLICT when it rings no more
   */
  async rejectCall(roomId: string, reason: 'declined' | 'busy' = 'declined'): Promise<Room> {
    this.#requireAlive()
    checkText('roomId', roomId)
    checkReason(reason)
    const input = { roomId, reason: upper(reason) }
    try {
      const { rejectCall } = await this.#gateway.request(RejectCallDocument, { input })
      return roomOf(rejectCall.room)
    } catch (error) {
      // Declined already, by a request whose answer was lost.
      const room = await this.getRoom(roomId).catch(() => undefined)
      const own = room?.participants.find(({ userId }) => userId === this.userId)
      if (room && own?.state === 'rejected') return room
      throw error
    }
  }

  /** Invites into a group of one's own. @throws RtcError FORBIDDEN, ROOM_ENDED, ROOM_FULL */
  async inviteParticipants(roomId: string, userIds: readonly string[]): Promise<Room> {
    this.#requireAlive()
    checkText('roomId', roomId)
    checkTexts('userIds', userIds)
    const input = { roomId, userIds: [...userIds] }
    const { inviteParticipants } = await this.#gateway.request(InviteParticipantsDocument, { input })
    return roomOf(inviteParticipants.room)
  }

  /** Hands a group of one's own to somebody who has joined it. @throws RtcError FORBIDDEN, NOT_FOUND, CONFLICT, ROOM_ENDED */
  async transferHost(roomId: string, userId: string): Promise<Room> {
    this.#requireAlive()
    const { transferHost } = await this.#gateway.request(TransferHostDocument, { input: { roomId, userId } })
    return roomOf(transferHost.room)
  }

  /** Puts somebody out of a group of one's own, until they are invited again. @throws RtcError FORBIDDEN, NOT_FOUND, ROOM_ENDED */
  async removeParticipant(roomId: string, userId: string): Promise<Room> {
    this.#requireAlive()
    checkText('roomId', roomId)
    checkText('userId', userId)
    const { removeParticipant } = await this.#gateway.request(RemoveParticipantDocument, { input: { roomId, userId } })
    return roomOf(removeParticipant.room)
  }

  /**
   * From now on no call and no invitation of this user rings for you; they see it ring until it is missed. What rings
   * already goes on: reject it.
   *
   * @throws RtcError BAD_USER_INPUT for oneself, CONFLICT when 1000 users are blocked
   */
  async blockUser(userId: string): Promise<void> {
    this.#requireAlive()
    checkText('userId', userId)
    await this.#gateway.request(BlockUserDocument, { input: { userId } })
  }

  /** Calls and invitations of this user ring again. */
  async unblockUser(userId: string): Promise<void> {
    this.#requireAlive()
    checkText('userId', userId)
    await this.#gateway.request(UnblockUserDocument, { input: { userId } })
  }

  /** The ids of those whom you have blocked, in their order. */
  async blockedUsers(): Promise<string[]> {
    this.#requireAlive()
    const { blockedUsers } = await this.#gateway.request(BlockedUsersDocument, {})
    return blockedUsers.map(({ userId }) => userId)
  }

  /** @throws RtcError NOT_FOUND, FORBIDDEN */
  async getRoom(roomId: string): Promise<Room> {
    this.#requireAlive()
    checkText('roomId', roomId)
    const { room } = await this.#gateway.request(GetRoomDocument, { id: roomId })
    if (!room) throw new RtcError('NOT_FOUND', 'There is no such room.')
    return roomOf(room)
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
    checkText('roomId', roomId)
    checkListEvents(options)
    const { first, after } = options
    const variables = { roomId, first: first ?? null, after: after ?? null }
    const { room } = await this.#gateway.request(GetEventsDocument, variables)
    if (!room) throw new RtcError('NOT_FOUND', 'There is no such room.')
    return room.events.map(eventOf)
  }

  /** The user's rooms, the present and the past ones. */
  async listRooms(options: ListRoomsOptions = {}): Promise<RoomPage> {
    this.#requireAlive()
    const variables = listRoomsVariables(options)
    const { rooms } = await this.#gateway.request(ListRoomsDocument, variables)
    const { hasNextPage, endCursor } = rooms.pageInfo
    return { rooms: rooms.edges.map(({ node }) => roomOf(node)), hasNextPage, endCursor }
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
    const joining = this.#joining?.room
    this.#destroyed = true
    this.#deviceWatch.stop()
    this.#calls.stop()
    await joining?.catch(() => undefined)
    const roomSession = this.#session
    this.#session = undefined
    if (roomSession) {
      await roomSession.close(async () => {
        await pause(REMOUNT_DELAY)
        await this.#tryLeave(roomSession.room.id, roomSession.session)
      })
    }
    await this.#socket.close()
    this.#emitter.clear()
  }

  /** A leave that is still under way would arrive after the join, and undo it. */
  async #joinAfter(departing: Promise<unknown> | undefined, roomId: string): Promise<Room> {
    await departing?.catch(() => undefined)
    return this.#beginSession(roomId)
  }

  async #beginSession(roomId: string): Promise<Room> {
    const deviceId = await this.#resolveDeviceId()
    const session = beginSession({ url: this.#url, uid: this.#auth.uid, roomId, deviceId })
    const options = {
      gateway: this.#gateway,
      socket: this.#socket,
      emitter: this.#emitter,
      joined: await this.#sendJoin(roomId, deviceId, session),
      deviceId,
      session,
      rtcConfiguration: this.#options.rtcConfiguration ?? {},
      onEnd: () => {
        this.#session = undefined
      },
    }
    const { userId, provider } = options.joined.connection
    this.#warnOfOtherUser(userId)
    try {
      this.#session = await RoomSession.begin(options, () => openMediaOf(provider))
    } catch (error) {
      await this.#abandon(roomId, session)
      throw error
    }
    return this.#session.room
  }

  async #sendJoin(roomId: string, deviceId: string, session: Session): Promise<JoinResult> {
    const input = {
      roomId,
      deviceId,
      sessionId: session.id,
      expectStream: true,
      mesh: true,
      audio: false,
      video: false,
    }
    try {
      const { joinRoom } = await session.seat.request(() => this.#gateway.request(JoinRoomDocument, { input }))
      return {
        room: roomOf(joinRoom.room),
        participant: participantOf(joinRoom.participant),
        connection: connectionOf(joinRoom.connection),
      }
    } catch (error) {
      session.seat.release()
      // It may have reached the gateway all the same.
      if (isRetryable(error)) void this.#abandon(roomId, session)
      throw error
    }
  }

  /** A session that cannot be used is another client's of this tab again, or over. */
  async #abandon(roomId: string, session: Session): Promise<void> {
    if (!(await session.seat.returnToHolder())) await this.#tryLeave(roomId, session)
  }

  async #resolveDeviceId(): Promise<string> {
    if (this.deviceId !== undefined) return this.deviceId
    const found = await tabDeviceId()
    this.#ownDeviceId ??= found
    return this.deviceId ?? found
  }

  /** Only this session or, where none is known, this device: a later one may have taken the place. */
  async #sendLeave(roomId: string, session?: Session, options?: RequestOptions): Promise<Room> {
    const { deviceId } = this
    const which = session ? { sessionId: session.id } : deviceId !== undefined && { deviceId }
    const input = { roomId, ...which }
    const send = () => this.#gateway.request(LeaveRoomDocument, { input }, options)
    const { leaveRoom } = await (session ? session.seat.request(send) : send())
    return roomOf(leaveRoom.room)
  }

  /** Untold, the gateway notices by itself: the stream of this participant is gone. */
  async #tryLeave(roomId: string, session: Session): Promise<void> {
    await this.#sendLeave(roomId, session, { retryFor: 0 }).catch(() => undefined)
  }

  /** The stay is over by one's own word. */
  #depart(roomSession: RoomSession, sendLeave: () => Promise<Room>): Promise<Room> {
    this.#session = undefined
    this.#departing = this.#close(roomSession, sendLeave)
    return this.#departing
  }

  async #close(roomSession: RoomSession, sendLeave: () => Promise<Room>): Promise<Room> {
    let { room } = roomSession
    try {
      await roomSession.close(async () => {
        room = await sendLeave()
      })
      return room
    } finally {
      this.#emitter.emit('ended', { room, reason: room.endReason ?? 'left' })
    }
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
    if (!this.#session) throw invalidState('Join a room first.')
    return this.#session
  }

  #requireRoomId(roomId: string | undefined): string {
    this.#requireAlive()
    if (roomId !== undefined) checkText('roomId', roomId)
    const id = roomId ?? this.#session?.room.id ?? this.#joining?.roomId
    if (id === undefined) throw invalidState('No room is joined; say which.')
    return id
  }

  #warnOfOtherUser(userId: string): void {
    if (userId === this.#auth.uid) return
    console.warn(`@openchat/sdk: auth.uid is ${this.#auth.uid}, but the token is ${userId}'s, and that is what counts.`)
  }
}

const invalidState = (message: string) => new RtcError('INVALID_STATE', message)
