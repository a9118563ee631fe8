import type { RoomUpdate } from './event.ts'
import type { FanOut, FanOutGroup, FanOutSubscriber, FanOutSubscription } from './fan-out.ts'
import type { View } from './shared-view.ts'
import type { RoomStream, StreamSink } from './stream.ts'

/** The connection to which one subscriber's messages are written. */
export interface DeliverySink {
  /** Resolves when the kernel has accepted the message. */
  write(payload: Buffer): Promise<void>
  /** Queues the message without blocking; closes the connection of a slow consumer. */
  post(payload: Buffer): void
}

/** Notified when a delivery has ended. */
export interface DeliveryOwner {
  /** Called once; with an error if the stream ended early. */
  ended(error?: Error): void
}

/**
 * Writes a room's stream to one connection: first the backfill with backpressure, then the live messages created by the
 * subscriber's group. Implements an iterator that yields no values and ends or fails with the stream, so that it can be
 * the result of a subscription. An idle delivery holds no promise: an owner is called instead.
 */
export class Delivery implements AsyncIterableIterator<never, undefined>, FanOutSubscriber, StreamSink {
  readonly #stream: RoomStream
  readonly #subscription: FanOutSubscription
  /** The subscription's, which each update would otherwise look up there. */
  readonly #group: FanOutGroup
  readonly #sink: DeliverySink
  #owner: DeliveryOwner | undefined
  /** Number of updates pushed to the group whose messages have not been delivered yet. */
  #undelivered = 0
  /** Set when the stream has ended; undelivered messages are delivered first. */
  #ending = false
  #error: Error | undefined
  #over = false

  /** @throws RtcError RATE_LIMITED; the caller must then close the stream */
  constructor(stream: RoomStream, { fanOut, view, sink }: { fanOut: FanOut; view: View; sink: DeliverySink }) {
    this.#stream = stream
    this.#sink = sink
    this.#subscription = fanOut.join({ roomId: stream.roomId, userId: stream.viewer.id, view })
    this.#group = this.#subscription.group
    void this.#run()
  }

  /** Notifies the owner when the delivery ends; immediately if it has ended. There is at most one owner. */
  follow(owner: DeliveryOwner): void {
    if (this.#over) owner.ended(this.#error)
    else this.#owner = owner
  }

  next(): Promise<IteratorReturnResult<undefined>> {
    return new Promise((resolve, reject) => {
      this.follow({ ended: (error) => (error ? reject(error) : resolve({ done: true, value: undefined })) })
    })
  }

  /** Ends the delivery after the client disconnected or unsubscribed. */
  return(): Promise<IteratorReturnResult<undefined>> {
    this.#end()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Called by the stream with each live update. */
  push(update: RoomUpdate): void {
    this.#undelivered += 1
    this.#group.push(update, this)
  }

  /** Called by the stream when it has ended. */
  end(error?: Error): void {
    if (this.#over) return
    this.#ending = true
    this.#error = error
    if (this.#undelivered === 0) this.#end(error)
  }

  /** Called by the group with the next message. */
  deliver(payload: Buffer): void {
    if (this.#over) return
    this.#undelivered -= 1
    this.#sink.post(payload)
    if (this.#ending && this.#undelivered === 0) this.#end(this.#error)
  }

  /** Called by the group if it cannot create or deliver messages. */
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
      if (!this.#over) this.#stream.attach(this)
    } catch (error) {
      this.#end(error as Error)
    }
  }

  #end(error?: Error): void {
    if (this.#over) return
    this.#over = true
    this.#error = error
    this.#stream.close()
    this.#subscription.leave()
    this.#owner?.ended(error)
  }
}
