import { CloseCode, type Message, MessageType, parseMessage, type SubscribeMessage } from 'graphql-ws'
import type { Actor } from '../core/actor.ts'
import { badInput, RtcError } from '../core/errors.ts'
import { readJson } from '../core/json.ts'
import type { ConnectionAccount } from '../limits/held.ts'
import { Operation, type OperationDependencies, type OperationSink } from './operation.ts'
import type { SocketWriter } from './socket-writer.ts'

/** Operations per connection, including those still being prepared. */
const OPERATIONS_MAX = 100
/** Pending messages at which reading from the socket pauses until all of them are handled. */
const INBOX_HIGH = 16

/** The connection's access to its socket. */
export interface ConnectionSocket {
  readonly writer: SocketWriter
  /** Closes the socket for a protocol error of the client, with a close code of graphql-ws. */
  refuse(code: CloseCode, reason: string): void
  /** Closes the socket with the close code for an error; logs only internal errors as errors. */
  fail(error: unknown): void
  /** Pauses or resumes reading from the peer. */
  setPaused(paused: boolean): void
}

export interface ConnectionDependencies extends OperationDependencies {
  /** Authenticates the parameters of connection_init and admits the connection. */
  admit(params: Readonly<Record<string, unknown>> | undefined): Promise<{ actor: Actor; account: ConnectionAccount }>
  /** @throws RtcError UNAVAILABLE while the gateway is overloaded */
  requireCapacity(): void
  /** Counts a message of the user. Returns the seconds after which to try again, or 0 if the message is within the rate. */
  delayOf(actor: Actor): number
}

/**
 * One connection of graphql-transport-ws. Handles messages one at a time, in order. A `complete` cancels the operation
 * that has the id at that time, even during its preparation, and never a later operation with the same id.
 *
 * @see https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
 */
export class SocketConnection {
  readonly #dependencies: ConnectionDependencies
  readonly #socket: ConnectionSocket
  readonly #operations = new Map<string, Operation>()
  readonly #inbox: { readonly text: string; readonly bytes: number }[] = []
  #handling = false
  #paused = false
  #initialised = false
  #admitted: { readonly actor: Actor; readonly account: ConnectionAccount } | undefined
  #closed = false
  #delay: { timer: NodeJS.Timeout; wake: () => void } | undefined

  constructor(dependencies: ConnectionDependencies, socket: ConnectionSocket) {
    this.#dependencies = dependencies
    this.#socket = socket
  }

  /** Whether connection_init was received. */
  get initialised(): boolean {
    return this.#initialised
  }

  /** Operations in flight. */
  get size(): number {
    return this.#operations.size
  }

  /** Queues a message; it is handled after all earlier ones. */
  receive(data: Buffer, isBinary: boolean): void {
    if (this.#closed) return
    if (isBinary) return this.#refuse(CloseCode.BadRequest, 'Messages must be text')
    this.#inbox.push({ text: data.toString(), bytes: data.length })
    if (this.#inbox.length >= INBOX_HIGH) this.#setPaused(true)
    if (!this.#handling) void this.#handleAll()
  }

  /** Cancels every operation and discards pending messages. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#inbox.length = 0
    clearTimeout(this.#delay?.timer)
    this.#delay?.wake()
    for (const operation of this.#operations.values()) operation.cancel()
    this.#operations.clear()
    this.#admitted?.account.close()
    // Resume reading to receive the peer's close frame.
    this.#setPaused(false)
  }

  async #handleAll(): Promise<void> {
    this.#handling = true
    for (let message = this.#inbox.shift(); message; message = this.#inbox.shift()) {
      const { text, bytes } = message
      await this.#awaitRate()
      await this.#dependencies.slices.run(this.#admitted?.actor.id ?? this, () => this.#handle(text, bytes))
    }
    this.#handling = false
    this.#setPaused(false)
  }

  /** Pauses reading and waits while the user exceeds the message rate. */
  async #awaitRate(): Promise<void> {
    while (this.#admitted && !this.#closed) {
      const seconds = this.#dependencies.delayOf(this.#admitted.actor)
      if (seconds === 0) return
      this.#setPaused(true)
      await this.#sleep(seconds)
    }
  }

  #handle(text: string, bytes: number): void {
    if (this.#closed) return
    let message: Message
    try {
      message = parseMessage(text)
    } catch {
      return this.#refuse(CloseCode.BadRequest, 'Invalid message received')
    }
    const inputError = inputErrorIn(text)
    if (inputError && message.type !== MessageType.Subscribe) {
      return this.#refuse(CloseCode.BadRequest, inputError.message)
    }
    switch (message.type) {
      case MessageType.ConnectionInit:
        return this.#initialise(message.payload)
      case MessageType.Ping:
        return this.#send({ type: MessageType.Pong, ...(message.payload && { payload: message.payload }) })
      case MessageType.Pong:
        return undefined
      case MessageType.Subscribe:
        return this.#subscribe(message, { bytes, inputError })
      case MessageType.Complete:
        this.#operations.get(message.id)?.cancel()
        this.#operations.delete(message.id)
        return undefined
      default:
        return this.#refuse(CloseCode.BadRequest, 'Invalid message received')
    }
  }

  #initialise(params: Readonly<Record<string, unknown>> | undefined): void {
    if (this.#initialised) {
      return this.#refuse(CloseCode.TooManyInitialisationRequests, 'Too many initialisation requests')
    }
    this.#initialised = true
    this.#dependencies.admit(params).then(
      (admitted) => {
        if (this.#closed) return admitted.account.close()
        this.#admitted = admitted
        this.#send({ type: MessageType.ConnectionAck })
      },
      (error: unknown) => {
        if (!this.#closed) this.#socket.fail(error)
      },
    )
  }

  #subscribe(
    { id, payload }: SubscribeMessage,
    { bytes, inputError }: { readonly bytes: number; readonly inputError: RtcError | undefined },
  ): void {
    const admitted = this.#admitted
    if (!admitted) return this.#refuse(CloseCode.Unauthorized, 'Unauthorized')
    if (this.#operations.has(id)) {
      return this.#refuse(CloseCode.SubscriberAlreadyExists, `Subscriber for ${id} already exists`)
    }
    const sink = this.#sinkOf(id)
    if (inputError) return sink.error([this.#dependencies.toGraphQLError(inputError)])
    let release: () => void
    try {
      release = this.#reserve(admitted.account, bytes)
    } catch (error) {
      return sink.error([this.#dependencies.toGraphQLError(error)])
    }
    const operation = new Operation(this.#dependencies, { actor: admitted.actor, sink, transport: 'websocket' })
    this.#operations.set(id, operation)
    void operation.run(payload).finally(() => {
      release()
      if (this.#operations.get(id) === operation) this.#operations.delete(id)
    })
  }

  /**
   * Reserves the resources of one operation and returns the function that releases them.
   *
   * @throws RtcError RATE_LIMITED, UNAVAILABLE
   */
  #reserve(account: ConnectionAccount, bytes: number): () => void {
    this.#dependencies.requireCapacity()
    if (this.#operations.size >= OPERATIONS_MAX) {
      const message = `A socket may have at most ${OPERATIONS_MAX} operations; complete one first.`
      throw new RtcError('RATE_LIMITED', message, { retryAfter: 1 })
    }
    return account.hold(bytes)
  }

  /** Sends the messages of one operation in the format of graphql-transport-ws. */
  #sinkOf(id: string): OperationSink {
    const { writer } = this.#socket
    const head = Buffer.from(`{"id":${JSON.stringify(id)},"type":"next","payload":`)
    return {
      write: (payload) => writer.send(head, payload, TAIL),
      post: (payload) => writer.post(head, payload, TAIL),
      error: (errors) => {
        this.#operations.delete(id)
        this.#send({ id, type: MessageType.Error, payload: errors.map((error) => error.toJSON()) })
      },
      complete: () => {
        this.#operations.delete(id)
        this.#send({ id, type: MessageType.Complete })
      },
    }
  }

  #send(message: object): void {
    void this.#socket.writer.send(Buffer.from(JSON.stringify(message)))
  }

  #refuse(code: CloseCode, reason: string): void {
    this.close()
    this.#socket.refuse(code, reason)
  }

  #setPaused(paused: boolean): void {
    if (this.#paused === paused) return
    this.#paused = paused
    this.#socket.setPaused(paused)
  }

  #sleep(seconds: number): Promise<void> {
    return new Promise((resolve) => {
      this.#delay = { timer: setTimeout(resolve, seconds * 1000), wake: resolve }
    })
  }
}

/** The error for JSON that cannot be read without loss or is nested too deeply. */
function inputErrorIn(text: string): RtcError | undefined {
  try {
    readJson(text, { checked: 'payload.variables.' })
    return undefined
  } catch (error) {
    const problems = error instanceof RtcError ? error.problems : []
    return badInput(problems.map(({ path, message }) => ({ path: path.replace(/^payload\./, ''), message })))
  }
}

const TAIL = Buffer.from('}')
