import { type ErrorCode, type MediaSource, type OpenChatClient, type Room, RtcError } from '../sdk/index.ts'
import { forgetCall } from './call-memory.ts'
import type { Sentence } from './sentence.ts'

export interface RoomEntryRequest {
  /** What the page shows meanwhile. */
  readonly status: Sentence
  /** Returns the id of the room to join, creating the room if need be. */
  readonly findRoom: () => string | Promise<string>
  /** The room is created by this entry: cancelling ends it. */
  readonly created?: boolean
  readonly sources: readonly MediaSource[]
}

const RETRYABLE: readonly ErrorCode[] = ['UNREACHABLE', 'UNAVAILABLE', 'RATE_LIMITED']

/**
 * Finds or creates a room and joins it. Can be cancelled at any time; then it undoes what the gateway has already done.
 */
export class RoomEntry {
  readonly #rtc: OpenChatClient['rtc']
  readonly #request: RoomEntryRequest
  readonly #after: Promise<unknown> | undefined
  #roomId: string | undefined
  #done: Promise<unknown> = Promise.resolve()
  #cancelled = false

  /** @param after - resolves when the previous entry is done, including its undo */
  constructor(rtc: OpenChatClient['rtc'], request: RoomEntryRequest, after: Promise<unknown> | undefined) {
    this.#rtc = rtc
    this.#request = request
    this.#after = after
  }

  /** Resolves when the entry has joined, failed, or been undone. */
  get done(): Promise<unknown> {
    return this.#done
  }

  get cancelled(): boolean {
    return this.#cancelled
  }

  /** Whether the room's end results from cancelling this entry. */
  isUndoing(roomId: string): boolean {
    return this.#cancelled && roomId === this.#roomId
  }

  cancel(): void {
    this.#cancelled = true
  }

  /** @throws RtcError if the room cannot be joined, or the entry was cancelled */
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
      // After a transient error, a reload within the grace can still rejoin: keep the remembered call.
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
      // Ignored: the room ends by itself when nobody answers or nobody is left.
    }
  }
}
