import { type ErrorCode, type MediaSource, type OpenChatClient, type Room, RtcError } from '../sdk/index.ts'
import { forgetCall } from './call-memory.ts'
import type { Sentence } from './sentence.ts'

export interface EntryRequest {
  /** What is under way, for the user. */
  readonly underWay: Sentence
  /** Finds the room, or makes it. */
  readonly room: () => string | Promise<string>
  /** The room is made for this: cancelling ends it. */
  readonly created?: boolean
  readonly sources: readonly MediaSource[]
}

const PASSING: readonly ErrorCode[] = ['UNREACHABLE', 'UNAVAILABLE', 'RATE_LIMITED']

/** The way into a room. It can be cancelled at any time, and then undoes what the gateway has been told. */
export class Entry {
  readonly #rtc: OpenChatClient['rtc']
  readonly #request: EntryRequest
  readonly #after: Promise<unknown> | undefined
  #roomId: string | undefined
  #done: Promise<unknown> = Promise.resolve()
  #cancelled = false

  /** @param after - when the entry before this one has undone what it had to */
  constructor(rtc: OpenChatClient['rtc'], request: EntryRequest, after: Promise<unknown> | undefined) {
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
      this.#requireWanted()
      this.#roomId = await this.#request.room()
      this.#requireWanted()
      const room = await this.#rtc.joinRoom(this.#roomId)
      this.#requireWanted()
      return room
    } catch (error) {
      if (this.#cancelled) await this.#undo()
      // What cannot be reached now may be there after the next reload, within the grace.
      else if (!(error instanceof RtcError && PASSING.includes(error.code))) forgetCall()
      throw error
    }
  }

  #requireWanted(): void {
    if (this.#cancelled) throw new RtcError('INVALID_STATE', 'The call was cancelled.')
  }

  async #undo(): Promise<void> {
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
