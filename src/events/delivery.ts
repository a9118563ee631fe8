import type { RoomUpdate } from './event.ts'
import type { FanOut, FanOutSubscriber, FanOutSubscription, View } from './fan-out.ts'
import type { RoomStream } from './stream.ts'

/** The connection to which one subscriber's messages are written. */
export interface DeliverySink {
  /** Resolves when the kernel has accepted the message. */
  write(payload: Buffer): Promise<void>
  /** Queues the message without blocking; closes the connection of a slow consumer. */
  post(payload: Buffer): void
}

/**
 * Writes a room's stream to one connection: first the backfill with backpressure, then the live messages created by the
 * subscriber's group. Implements an iterator that yields no values and ends or fails with the stream, so that the
 * transport can treat it as the result of a subscription.
 */
export class Delivery implements AsyncIterableIterator<never, undefined>, FanOutSubscriber {
  readonly #stream: RoomStream
  readonly #subscription: FanOutSubscription
  readonly #sink: DeliverySink
  readonly #done: Promise<void>
  #finish: (error?: Error) => void = () => undefined
  /** Number of updates pushed to the group whose messages have not been delivered yet. */
  #undelivered = 0
  /** Set when the stream has ended; undelivered messages are delivered first. */
  #ending: { readonly error: Error | undefined } | undefined
  #over = false

  /** @throws RtcError RATE_LIMITED; the caller must then close the stream */
  constructor(stream: RoomStream, { fanOut, view, sink }: { fanOut: FanOut; view: View; sink: DeliverySink }) {
    this.#stream = stream
    this.#sink = sink
    this.#subscription = fanOut.join({ roomId: stream.roomId, userId: stream.viewer.id, view }, this)
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

  /** Ends the delivery after the client disconnected or unsubscribed. */
  return(): Promise<IteratorReturnResult<undefined>> {
    this.#end()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  deliver(payload: Buffer): void {
    if (this.#over) return
    this.#undelivered -= 1
    this.#sink.post(payload)
    if (this.#ending && this.#undelivered === 0) this.#end(this.#ending.error)
  }

  fail(error: Error): void {
    this.#end(error)
  }

  async #run(): Promise<void> {
    try {
      for await (const update of this.#stream.backfill()) {
        if (this.#over) return
        const payload = await this.#subscription.payloadOf(update)
        if (!this.#over) await this.#sink.write(payload)
      }
      if (this.#over) return
      this.#stream.attach({
        push: (update) => this.#push(update),
        end: (error) => {
          this.#ending = { error }
          if (this.#undelivered === 0) this.#end(error)
        },
      })
    } catch (error) {
      this.#end(error as Error)
    }
  }

  #push(update: RoomUpdate): void {
    this.#undelivered += 1
    this.#subscription.push(update)
  }

  #end(error?: Error): void {
    if (this.#over) return
    this.#over = true
    this.#stream.close()
    this.#subscription.leave()
    this.#finish(error)
  }
}
