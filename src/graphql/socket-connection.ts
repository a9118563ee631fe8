import type { GraphQLError } from 'graphql'
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
  /** Authenticates the parameters of connection_init and admits the connection. */
  admit(params: Readonly<Record<string, unknown>> | undefined): Promise<Admission>
  /** Closes the socket for a protocol error of the client, with a close code of graphql-ws. */
  refuse(code: CloseCode, reason: string): void
  /** Closes the socket with the close code for an error; logs only internal errors as errors. */
  fail(error: unknown): void
  /** Pauses or resumes reading from the peer. */
  setPaused(paused: boolean): void
}

export interface Admission {
  readonly actor: Actor
  readonly account: ConnectionAccount
}

/** Shared by all connections. */
export interface ConnectionDependencies extends OperationDependencies {
  /** @throws RtcError UNAVAILABLE while the gateway is overloaded */
  requireCapacity(): void
  /** Counts a message of the user. Returns the seconds after which to try again, or 0 if the message is within the rate. */
  delayOf(actor: Actor): number
}

interface PendingMessage {
  readonly text: string
  readonly bytes: number
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
  /** Few, so that a list takes less memory than a map. */
  readonly #operations: SocketOperation[] = []
  /** Messages that wait; undefined while none is handled. */
  #inbox: PendingMessage[] | undefined
  #paused = false
  #initialised = false
  #admitted: Admission | undefined
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
    return this.#operations.length
  }

  /** Queues a message; it is handled after all earlier ones. */
  receive(data: Buffer, isBinary: boolean): void {
    if (this.#closed) return
    if (isBinary) return this.#refuse(CloseCode.BadRequest, 'Messages must be text')
    const message = { text: data.toString(), bytes: data.length }
    if (!this.#inbox) {
      this.#inbox = [message]
      void this.#handleAll(this.#inbox)
      return
    }
    this.#inbox.push(message)
    if (this.#inbox.length >= INBOX_HIGH) this.#setPaused(true)
  }

  /** Cancels every operation and discards pending messages. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#inbox) this.#inbox.length = 0
    clearTimeout(this.#delay?.timer)
    this.#delay?.wake()
    for (const { operation } of this.#operations.splice(0)) operation.cancel()
    this.#admitted?.account.close()
    // Resume reading to receive the peer's close frame.
    this.#setPaused(false)
  }

  async #handleAll(inbox: PendingMessage[]): Promise<void> {
    for (let message = inbox.shift(); message; message = inbox.shift()) {
      const { text, bytes } = message
      await this.#awaitRate()
      await this.#dependencies.slices.run(this.#admitted?.actor.id ?? this, () => this.#handle(text, bytes))
    }
    this.#inbox = undefined
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
        return this.send({ type: MessageType.Pong, ...(message.payload && { payload: message.payload }) })
      case MessageType.Pong:
        return undefined
      case MessageType.Subscribe:
        return this.#subscribe(message, { bytes, inputError })
      case MessageType.Complete:
        this.remove(this.#operations.find(({ id }) => id === message.id))?.operation.cancel()
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
    this.#socket.admit(params).then(
      (admitted) => {
        if (this.#closed) return admitted.account.close()
        this.#admitted = admitted
        this.send({ type: MessageType.ConnectionAck })
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
    if (this.#operations.some((operation) => operation.id === id)) {
      return this.#refuse(CloseCode.SubscriberAlreadyExists, `Subscriber for ${id} already exists`)
    }
    try {
      if (inputError) throw inputError
      this.#reserve(admitted.account, bytes)
    } catch (error) {
      return this.sendError(id, [this.#dependencies.toGraphQLError(error)])
    }
    const socketOperation = new SocketOperation(this, this.#dependencies, { id, bytes, actor: admitted.actor })
    this.#operations.push(socketOperation)
    void socketOperation.operation.run(payload)
  }

  /** @throws RtcError RATE_LIMITED, UNAVAILABLE */
  #reserve(account: ConnectionAccount, bytes: number): void {
    this.#dependencies.requireCapacity()
    if (this.#operations.length >= OPERATIONS_MAX) {
      const message = `A socket may have at most ${OPERATIONS_MAX} operations; complete one first.`
      throw new RtcError('RATE_LIMITED', message, { retryAfter: 1 })
    }
    account.hold(bytes)
  }

  get writer(): SocketWriter {
    return this.#socket.writer
  }

  /** Removes an operation, after which its id may be used again; undefined if there is none. */
  remove(operation: SocketOperation | undefined): SocketOperation | undefined {
    const index = operation ? this.#operations.indexOf(operation) : -1
    if (index >= 0) this.#operations.splice(index, 1)
    return operation
  }

  /** Releases what {@link #reserve} has reserved. */
  release(bytes: number): void {
    this.#admitted?.account.release(bytes)
  }

  send(message: object): void {
    void this.writer.send(Buffer.from(JSON.stringify(message)))
  }

  sendError(id: string, errors: readonly GraphQLError[]): void {
    this.send({ id, type: MessageType.Error, payload: errors.map((error) => error.toJSON()) })
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

/** An operation of a socket: sends its messages in the format of graphql-transport-ws. */
class SocketOperation implements OperationSink {
  readonly id: string
  readonly operation: Operation
  readonly #connection: SocketConnection
  /** The connection's, which each message would otherwise look up there. */
  readonly #writer: SocketWriter
  readonly #bytes: number
  readonly #head: Buffer

  constructor(
    connection: SocketConnection,
    dependencies: OperationDependencies,
    { id, bytes, actor }: { readonly id: string; readonly bytes: number; readonly actor: Actor },
  ) {
    this.id = id
    this.operation = new Operation(dependencies, { actor, sink: this, transport: 'websocket' })
    this.#connection = connection
    this.#writer = connection.writer
    this.#bytes = bytes
    this.#head = unpooled(`{"id":${JSON.stringify(id)},"type":"next","payload":`)
  }

  write(payload: Buffer): Promise<void> {
    return this.#writer.send(this.#head, payload, TAIL)
  }

  post(payload: Buffer): void {
    this.#writer.post(this.#head, payload, TAIL)
  }

  error(errors: readonly GraphQLError[]): void {
    this.#connection.remove(this)
    this.#connection.sendError(this.id, errors)
  }

  complete(): void {
    this.#connection.remove(this)
    this.#connection.send({ id: this.id, type: MessageType.Complete })
  }

  ended(): void {
    this.#connection.remove(this)
    this.#connection.release(this.#bytes)
  }
}

/** A buffer of its own memory. A small buffer of Node's pool would retain 8 KiB for as long as the operation lasts. */
function unpooled(text: string): Buffer {
  const buffer = Buffer.allocUnsafeSlow(Buffer.byteLength(text))
  buffer.write(text)
  return buffer
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
