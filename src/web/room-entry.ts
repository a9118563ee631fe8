import { type ErrorCode, type MediaSource, type OpenChatClient, type Room, RtcError } from '../sdk/index.ts'
import { forgetCall } from './call-memory.ts'
import type { Sentence } from './sentence.ts'

export interface RoomEntryRequest {
  /** What is under way, for the user. */
  readonly status: Sentence
  /** Finds the room, or makes it. */
  readonly findRoom: () => string | Promise<string>
  /** The room is made for this: cancelling ends it. */
  readonly created?: boolean
  readonly sources: readonly MediaSource[]
}

const RETRYABLE: readonly ErrorCode[] = ['UNREACHABLE', 'UNAVAILABLE', 'RATE_LIMITED']

/** The way into a room. It can be cancelled at any time, and then undoes what the gateway has been told. */
export class RoomEntry {
  readonly #rtc: OpenChatClient['rtc']
  readonly #request: RoomEntryRequest
  readonly #after: Promise<unknown> | undefined
  #roomId: string | undefined
  #done: Promise<unknown> = Promise.resolve()
  #cancelled = false

  /** @param after - when the entry before this one has undone what it had to */
  constructor(rtc: OpenChatClient['rtc'], request: RoomEntryRequest, after: Promise<unknown> | undefined) {
    this.#rtc = rtc
    this.#request = request
    this.#after = after
  }

  /** Resolves when it is over, in whatever way. */
  get done(): Promise<unknown> {
    return this.#done
  }

  get cancelled(): boolean {
    return this.#cancelled
  }

  /** Whether the end of the room is what cancelling brings about. */
  isUndoing(roomId: string): boolean {
    return this.#cancelled && roomId === this.#roomId
  }

  cancel(): void {
    this.#cancelled = true
  }

  /** @throws RtcError why the room cannot be entered */
  join(): Promise<Room> {
    const room = this.#join()
    this.#done = room.catch(() => undefined)
    return room
  }

  async #join(): Promise<Room> {
    await this.#after
    try {
      if (this.#rtc.room) await this.#rtc.leaveRoom()
      this.#throwIfCancelled()
      this.#roomId = await this.#request.findRoom()
      this.#throwIfCancelled()
      const room = await this.#rtc.joinRoom(this.#roomId)
      this.#throwIfCancelled()
      return room
    } catch (error) {
      if (this.#cancelled) await this.#undoJoin()
      // What cannot be reached now may be there after the next reload, within the grace.
      else if (!(error instanceof RtcError && RETRYABLE.includes(error.code))) forgetCall()
      throw error
    }
  }

  #throwIfCancelled(): void {
    if (this.#cancelled) throw new RtcError('INVALID_STATE', 'The call was cancelled.')
  }

  async #undoJoin(): Promise<void> {
    const id = this.#roomId
    if (id === undefined) return
    const joined = this.#rtc.room?.id === id
    try {
      if (this.#request.created) await this.#rtc.endRoom(id)
      else if (joined) await this.#rtc.leaveRoom(id)
    } catch {
      // It ends by itself: nobody answers, or nobody is there.
    }
  }
}
