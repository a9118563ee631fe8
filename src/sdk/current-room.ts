import { pause } from './backoff.ts'
import { connectionOf, participantOf, roomOf } from './convert.ts'
import type { RTCConfiguration } from './dom.ts'
import { RtcError } from './errors.ts'
import type { Emitter } from './events.ts'
import { type Gateway, isRetryable, type RequestOptions } from './gateway.ts'
import { JoinRoomDocument, LeaveRoomDocument } from './generated/graphql.ts'
import { joinInput } from './inputs.ts'
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
 * Milliseconds by which `destroy` delays its leave. A component that is mounted again at once, as in React's StrictMode
 * or after a hot reload, joins first; the late leave then names an earlier session and changes nothing.
 */
const REMOUNT_DELAY = 100

/** The room that this client has joined or is joining; at most one. */
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

  /** Id of the joined room, or of the one being joined. */
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

  /** Leaves any room. For the current one it waits for a pending join and closes the session. */
  async leave(roomId: string): Promise<Room> {
    if (this.#joining?.roomId === roomId) await this.#joining.room.catch(() => undefined)
    const session = this.#session
    if (session?.room.id === roomId) return this.#depart(session, () => this.#sendLeave(roomId, session.session))
    return this.#sendLeave(roomId)
  }

  /** Closes the session if the user has just ended its room. */
  async ended(room: Room): Promise<Room> {
    return this.#session?.room.id === room.id ? this.#depart(this.#session, async () => room) : room
  }

  /** Leaves the room, after a pending join. Never throws. */
  async destroy(): Promise<void> {
    await this.#joining?.room.catch(() => undefined)
    const session = this.#session
    this.#session = undefined
    await session?.close(async () => {
      await pause(REMOUNT_DELAY)
      await this.#tryLeave(session.room.id, session.session)
    })
  }

  /** Waits for a pending leave, which could otherwise arrive after the join and undo it. */
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
    const input = joinInput({ roomId, deviceId, sessionId: session.id, audio: false, video: false })
    try {
      const { joinRoom } = await session.seat.request(() => this.#options.gateway.request(JoinRoomDocument, { input }))
      return {
        room: roomOf(joinRoom.room),
        participant: participantOf(joinRoom.participant),
        connection: connectionOf(joinRoom.connection),
      }
    } catch (error) {
      session.seat.release()
      // The join may have reached the gateway even though its answer was lost.
      if (isRetryable(error)) void this.#abandon(roomId, session)
      throw error
    }
  }

  /** Returns the seat to the tab's previous client, or leaves if there is none. */
  async #abandon(roomId: string, session: Session): Promise<void> {
    if (!(await session.seat.returnToHolder())) await this.#tryLeave(roomId, session)
  }

  /** Names the session or, if unknown, the device, so that it cannot end a later session of the same user. */
  async #sendLeave(roomId: string, session?: Session, options?: RequestOptions): Promise<Room> {
    const deviceId = this.#options.deviceId()
    const which = session ? { sessionId: session.id } : deviceId !== undefined && { deviceId }
    const input = { roomId, ...which }
    const send = () => this.#options.gateway.request(LeaveRoomDocument, { input }, options)
    const { leaveRoom } = await (session ? session.seat.request(send) : send())
    return roomOf(leaveRoom.room)
  }

  /** Best effort: without it the gateway notices the lost stream and starts the grace. */
  async #tryLeave(roomId: string, session: Session): Promise<void> {
    await this.#sendLeave(roomId, session, { retryFor: 0 }).catch(() => undefined)
  }

  /** Ends the session on the user's request; emits `ended`. */
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
    console.warn(`@openchat/sdk: auth.uid is ${uid}, but the token belongs to ${userId}; the token decides.`)
  }
}
