import type { RoomUpdate } from './event.ts'
import type { FanOut, FanOutSubscriber, FanOutSubscription, View } from './fan-out.ts'
import type { RoomStream } from './stream.ts'

/** Where the messages of one subscriber are written. */
export interface DeliverySink {
  /** Resolves when the kernel has taken the message. */
  write(payload: Buffer): Promise<void>
  /** Never waits: a connection that does not keep up is closed. */
  post(payload: Buffer): void
}

/**
 * Writes a room's stream to one connection: the backfill as fast as the client takes it, then the live messages that the
 * subscriber's group makes. For the operation's runner it is an iterator without values, which ends or fails with the
 * stream.
 */
export class Delivery implements AsyncIterableIterator<never, undefined>, FanOutSubscriber {
  readonly #stream: RoomStream
  readonly #membership: FanOutSubscription
  readonly #sink: DeliverySink
  readonly #done: Promise<void>
  #finish: (error?: Error) => void = () => undefined
  /** Updates pushed to the group whose messages have not been delivered yet. */
  #awaited = 0
  /** Set when the stream is over: messages that are still awaited are delivered first. */
  #ending: { readonly error: Error | undefined } | undefined
  #over = false

  /** @throws RtcError RATE_LIMITED; the stream is then still to be closed */
  constructor(stream: RoomStream, { fanOut, view, sink }: { fanOut: FanOut; view: View; sink: DeliverySink }) {
    this.#stream = stream
    this.#sink = sink
    this.#membership = fanOut.join({ roomId: stream.roomId, userId: stream.viewer.id, view }, this)
    this.#done = new Promise((resolve, reject) => {
      this.#finish = (error) => (error ? reject(error) : resolve())
    })
    // Avoids an unhandled rejection after the client disconnected.
    this.#done.catch(() => undefined)
    void this.#run()
  }

  async next(): Promise<IteratorReturnResult<undefined>> {
    await this.#done
    return { done: true, value: undefined }
  }

  /** The client has gone. */
  return(): Promise<IteratorReturnResult<undefined>> {
    this.#end()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  deliver(payload: Buffer): void {
    if (this.#over) return
    this.#awaited -= 1
    this.#sink.post(payload)
    if (this.#ending && this.#awaited === 0) this.#end(this.#ending.error)
  }

  fail(error: Error): void {
    this.#end(error)
  }

  async #run(): Promise<void> {
    try {
      for await (const update of this.#stream.backfill()) {
        if (this.#over) return
        const payload = await this.#membership.payloadOf(update)
        if (!this.#over) await this.#sink.write(payload)
      }
      if (this.#over) return
      this.#stream.attach({
        push: (update) => this.#push(update),
        end: (error) => {
          this.#ending = { error }
          if (this.#awaited === 0) this.#end(error)
        },
      })
    } catch (error) {
      this.#end(error as Error)
    }
  }

  #push(update: RoomUpdate): void {
    this.#awaited += 1
    this.#membership.push(update)
  }

  #end(error?: Error): void {
    if (this.#over) return
    this.#over = true
    this.#stream.close()
    this.#membership.leave()
    this.#finish(error)
  }
}
