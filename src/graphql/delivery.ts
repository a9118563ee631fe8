import type { RoomUpdate } from '../events/event.ts'
import { ConsumerTooSlow } from '../events/queue.ts'
import type { RoomStream } from '../events/stream.ts'
import type { Outlet } from './context.ts'
import type { Group, Payload } from './fan-out.ts'

/** Messages of one reader that may wait for a field that has to be fetched. */
const FETCHING_LIMIT = 256

/**
 * Writes a room's stream to one reader: what lies behind the cursor as fast as the reader takes it, then live, ready-made
 * by the group. To the library that keeps the protocol it is an iterator without a value, which ends with the stream.
 */
export class Delivery implements AsyncIterableIterator<never, undefined> {
  readonly #stream: RoomStream
  readonly #group: Group
  readonly #outlet: Outlet
  readonly #done: Promise<void>
  #finish: (error?: Error) => void = () => undefined
  /** Set while a message waits for a field: the next ones line up behind it. */
  #fetching: Promise<void> | undefined
  #lined = 0
  #over = false

  constructor(stream: RoomStream, group: Group, outlet: Outlet) {
    this.#stream = stream
    this.#group = group
    this.#outlet = outlet
    this.#done = new Promise((resolve, reject) => {
      this.#finish = (error) => (error ? reject(error) : resolve())
    })
    // A reader that has gone does not ask how it ended.
    this.#done.catch(() => undefined)
    void this.#run()
  }

  async next(): Promise<IteratorReturnResult<undefined>> {
    await this.#done
    return { done: true, value: undefined }
  }

  /** The reader has gone. */
  return(): Promise<IteratorReturnResult<undefined>> {
    this.#end()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async #run(): Promise<void> {
    try {
      for await (const update of this.#stream.backfill(() => this.#outlet.overflow())) {
        if (this.#over) return
        await this.#outlet.write(await this.#group.payloadOf(update))
      }
      if (this.#over) return
      this.#stream.attach({
        push: (update) => this.#push(update),
        end: (error) => void this.#endAfterFetching(error),
      })
    } catch (error) {
      this.#end(error as Error)
    }
  }

  #push(update: RoomUpdate): void {
    const payload = this.#group.payloadOf(update)
    if (!(payload instanceof Promise) && !this.#fetching) this.#outlet.post(payload)
    else this.#lineUp(payload)
  }

  #lineUp(payload: Payload): void {
    this.#lined += 1
    if (this.#lined > FETCHING_LIMIT) {
      this.#outlet.overflow()
      return
    }
    const before = this.#fetching
    const turn = (async () => {
      await before
      const ready = await payload
      if (!this.#over) this.#outlet.post(ready)
      this.#lined -= 1
      if (this.#lined === 0) this.#fetching = undefined
    })()
    this.#fetching = turn.catch((error: unknown) => this.#end(error as Error))
  }

  async #endAfterFetching(error?: Error): Promise<void> {
    if (error instanceof ConsumerTooSlow) this.#outlet.overflow()
    await this.#fetching
    this.#end(error)
  }

  #end(error?: Error): void {
    if (this.#over) return
    this.#over = true
    this.#stream.close()
    this.#group.leave()
    this.#finish(error)
  }
}
