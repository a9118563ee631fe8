import { pause } from './backoff.ts'
import { connectionOf, participantOf, roomOf } from './convert.ts'
import type { RTCConfiguration } from './dom.ts'
import { RtcError } from './errors.ts'
import type { Emitter } from './events.ts'
import { type Gateway, isRetryable, type RequestOptions } from './gateway.ts'
import { JoinRoomDocument, LeaveRoomDocument } from './generated/graphql.ts'
import { openMediaOf } from './media/engines.ts'
import type { Room } from './model.ts'
import { type JoinResult, RoomSession } from './room-session.ts'
import type { Socket } from './socket.ts'
import { beginSession, type Session } from './tab-seat.ts'

export interface CurrentRoomOptions {
  readonly url: string
  readonly uid: string
  readonly gateway: Gateway
  readonly socket: Socket
  readonly emitter: Emitter
  /** The id of this device, once it is known. */
  readonly deviceId: () => string | undefined
  /** Resolves to the id of this device. */
  readonly resolveDeviceId: () => Promise<string>
  readonly rtcConfiguration: () => RTCConfiguration
}

/**
 * Milliseconds for which the leave of a client that is destroyed waits: a component that is mounted again, as React does in
 * StrictMode and after a hot reload, joins meanwhile, and the leave of the session before changes nothing any more.
 */
const REMOUNT_DELAY = 100

/** The one room that this client is in, or is joining. */
export class CurrentRoom {
  readonly #options: CurrentRoomOptions
  #session: RoomSession | undefined
  #joining: { readonly roomId: string; readonly room: Promise<Room> } | undefined
  #departing: Promise<Room> | undefined

  constructor(options: CurrentRoomOptions) {
    this.#options = options
  }

  get session(): RoomSession | undefined {
    return this.#session
  }

  /** The room that is joined, or else the one that is being joined. */
  get roomId(): string | undefined {
    return this.#session?.room.id ?? this.#joining?.roomId
  }

  /** @throws RtcError as `RtcClient.joinRoom` */
  async join(roomId: string): Promise<Room> {
    if (this.#session?.room.id === roomId) return this.#session.room
    if (this.#joining?.roomId === roomId) return this.#joining.room
    if (this.#session || this.#joining) {
      throw new RtcError('INVALID_STATE', 'One room at a time: leave the other first.')
    }
    const room = this.#joinAfter(this.#departing, roomId).finally(() => {
      this.#joining = undefined
    })
    this.#joining = { roomId, room }
    return room
  }

  /** Leaves any room: the current one after a join that is under way, another one by a request alone. */
  async leave(roomId: string): Promise<Room> {
    if (this.#joining?.roomId === roomId) await this.#joining.room.catch(() => undefined)
    const session = this.#session
    if (session?.room.id === roomId) return this.#depart(session, () => this.#sendLeave(roomId, session.session))
    return this.#sendLeave(roomId)
  }

  /** The user has ended this room: closes its session, if it is the current one. */
  async ended(room: Room): Promise<Room> {
    return this.#session?.room.id === room.id ? this.#depart(this.#session, async () => room) : room
  }

  /** Leaves for good, after a join that is under way. Never throws. */
  async destroy(): Promise<void> {
    await this.#joining?.room.catch(() => undefined)
    const session = this.#session
    this.#session = undefined
    await session?.close(async () => {
      await pause(REMOUNT_DELAY)
      await this.#tryLeave(session.room.id, session.session)
    })
  }

  /** A leave that is still under way would arrive after the join, and undo it. */
  async #joinAfter(departing: Promise<unknown> | undefined, roomId: string): Promise<Room> {
    await departing?.catch(() => undefined)
    return this.#beginSession(roomId)
  }

  async #beginSession(roomId: string): Promise<Room> {
    const { url, uid, gateway, socket, emitter, resolveDeviceId, rtcConfiguration } = this.#options
    const deviceId = await resolveDeviceId()
    const session = beginSession({ url, uid, roomId, deviceId })
    const options = {
      gateway,
      socket,
      emitter,
      joined: await this.#sendJoin(roomId, deviceId, session),
      deviceId,
      session,
      rtcConfiguration: rtcConfiguration(),
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
      const { joinRoom } = await session.seat.request(() => this.#options.gateway.request(JoinRoomDocument, { input }))
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

  /** Only this session or, where none is known, this device: a later one may have taken the place. */
  async #sendLeave(roomId: string, session?: Session, options?: RequestOptions): Promise<Room> {
    const deviceId = this.#options.deviceId()
    const which = session ? { sessionId: session.id } : deviceId !== undefined && { deviceId }
    const input = { roomId, ...which }
    const send = () => this.#options.gateway.request(LeaveRoomDocument, { input }, options)
    const { leaveRoom } = await (session ? session.seat.request(send) : send())
    return roomOf(leaveRoom.room)
  }

  /** Untold, the gateway notices by itself: the stream of this participant is gone. */
  async #tryLeave(roomId: string, session: Session): Promise<void> {
    await this.#sendLeave(roomId, session, { retryFor: 0 }).catch(() => undefined)
  }

  /** The stay is over by one's own word. */
  #depart(session: RoomSession, sendLeave: () => Promise<Room>): Promise<Room> {
    this.#session = undefined
    this.#departing = this.#close(session, sendLeave)
    return this.#departing
  }

  async #close(session: RoomSession, sendLeave: () => Promise<Room>): Promise<Room> {
    let { room } = session
    try {
      await session.close(async () => {
        room = await sendLeave()
      })
      return room
    } finally {
      this.#options.emitter.emit('ended', { room, reason: room.endReason ?? 'left' })
    }
  }

  #warnOfOtherUser(userId: string): void {
    const { uid } = this.#options
    if (userId === uid) return
    console.warn(`@openchat/sdk: auth.uid is ${uid}, but the token is ${userId}'s, and that is what counts.`)
  }
}
