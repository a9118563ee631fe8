import { CloseCode, type Message, MessageType, parseMessage, type SubscribeMessage } from 'graphql-ws'
import type { Actor } from '../core/actor.ts'
import { badInput, RtcError } from '../core/errors.ts'
import { readJson } from '../core/json.ts'
import type { ConnectionAccount } from '../limits/held.ts'
import { Operation, type OperationDependencies, type OperationSink } from './operation.ts'
import type { SocketWriter } from './socket-writer.ts'

/** Operations of one connection, those that are still being prepared included. */
const OPERATIONS_MAX = 100
/** Messages that wait; over it nothing more is read from the socket until all of them were acted on. */
const INBOX_HIGH = 16

/** What the connection needs of its socket. */
export interface ConnectionSocket {
  readonly writer: SocketWriter
  /** Ends the connection because of what its client did, with a close code of graphql-ws. */
  refuse(code: CloseCode, reason: string): void
  /** Ends the connection because of an error; a client's mistake and a fault of ours are told apart. */
  fail(error: unknown): void
  /** Stops reading from the peer, or goes on. */
  setPaused(paused: boolean): void
}

export interface ConnectionDependencies extends OperationDependencies {
  /** Authenticates the parameters of connection_init and admits the connection. */
  admit(params: Readonly<Record<string, unknown>> | undefined): Promise<{ actor: Actor; account: ConnectionAccount }>
  /** Throws an RtcError while the gateway takes on nothing new. */
  requireCapacity(): void
  /** Counts a message of the user; answers how many seconds it must wait before it is acted on. */
  delayOf(actor: Actor): number
}

/**
 * One connection of graphql-transport-ws. Its messages act one after the other in the order in which they came; an
 * operation keeps its identity for its whole life, so a `complete` reaches the operation of its time, also while that is
 * still being prepared, and never a later one with the same id.
 *
 * @see https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
 */
export class SocketConnection {
  readonly #dependencies: ConnectionDependencies
  readonly #socket: ConnectionSocket
  readonly #operations = new Map<string, Operation>()
  readonly #inbox: { readonly text: string; readonly bytes: number }[] = []
  #acting = false
  #paused = false
  #initialised = false
  #admitted: { readonly actor: Actor; readonly account: ConnectionAccount } | undefined
  #closed = false
  #delay: { timer: NodeJS.Timeout; wake: () => void } | undefined

  constructor(dependencies: ConnectionDependencies, socket: ConnectionSocket) {
    this.#dependencies = dependencies
    this.#socket = socket
  }

  /** Whether connection_init has come. */
  get initialised(): boolean {
    return this.#initialised
  }

  /** Operations under way. */
  get size(): number {
    return this.#operations.size
  }

  /** Takes a message; it is acted on when those before it have been. */
  receive(data: Buffer, isBinary: boolean): void {
    if (this.#closed) return
    if (isBinary) return this.#refuse(CloseCode.BadRequest, 'Messages must be text')
    this.#inbox.push({ text: data.toString(), bytes: data.length })
    if (this.#inbox.length >= INBOX_HIGH) this.#setPaused(true)
    if (!this.#acting) void this.#actOnAll()
  }

  /** Ends every operation; nothing that still waits is acted on. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#inbox.length = 0
    clearTimeout(this.#delay?.timer)
    this.#delay?.wake()
    for (const operation of this.#operations.values()) operation.cancel()
    this.#operations.clear()
    this.#admitted?.account.close()
    // The peer's answer to the close frame is still to be read.
    this.#setPaused(false)
  }

  async #actOnAll(): Promise<void> {
    this.#acting = true
    for (let message = this.#inbox.shift(); message; message = this.#inbox.shift()) {
      const { text, bytes } = message
      await this.#keepRate()
      await this.#dependencies.slices.run(this.#admitted?.actor.id ?? this, () => this.#act(text, bytes))
    }
    this.#acting = false
    this.#setPaused(false)
  }

  /** Reads no further while the user's messages come too fast. */
  async #keepRate(): Promise<void> {
    while (this.#admitted && !this.#closed) {
      const seconds = this.#dependencies.delayOf(this.#admitted.actor)
      if (seconds === 0) return
      this.#setPaused(true)
      await this.#sleep(seconds)
    }
  }

  #act(text: string, bytes: number): void {
    if (this.#closed) return
    let message: Message
    try {
      message = parseMessage(text)
    } catch {
      return this.#refuse(CloseCode.BadRequest, 'Invalid message received')
    }
    const mistake = mistakeIn(text)
    if (mistake && message.type !== MessageType.Subscribe) return this.#refuse(CloseCode.BadRequest, mistake.message)
    switch (message.type) {
      case MessageType.ConnectionInit:
        return this.#initialise(message.payload)
      case MessageType.Ping:
        return this.#send({ type: MessageType.Pong, ...(message.payload && { payload: message.payload }) })
      case MessageType.Pong:
        return undefined
      case MessageType.Subscribe:
        return this.#subscribe(message, { bytes, mistake })
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
    { bytes, mistake }: { readonly bytes: number; readonly mistake: RtcError | undefined },
  ): void {
    const admitted = this.#admitted
    if (!admitted) return this.#refuse(CloseCode.Unauthorized, 'Unauthorized')
    if (this.#operations.has(id)) {
      return this.#refuse(CloseCode.SubscriberAlreadyExists, `Subscriber for ${id} already exists`)
    }
    const sink = this.#sinkOf(id)
    if (mistake) return sink.error([this.#dependencies.toGraphQLError(mistake)])
    let release: () => void
    try {
      release = this.#grant(admitted.account, bytes)
    } catch (error) {
      return sink.error([this.#dependencies.toGraphQLError(error)])
    }
    const operation = new Operation(this.#dependencies, { actor: admitted.actor, sink })
    this.#operations.set(id, operation)
    void operation.run(payload).finally(() => {
      release()
      if (this.#operations.get(id) === operation) this.#operations.delete(id)
    })
  }

  /** @throws RtcError RATE_LIMITED, UNAVAILABLE */
  #grant(account: ConnectionAccount, bytes: number): () => void {
    this.#dependencies.requireCapacity()
    if (this.#operations.size >= OPERATIONS_MAX) {
      throw new RtcError('RATE_LIMITED', `A socket may have ${OPERATIONS_MAX} operations; complete another first.`, {
        retryAfter: 1,
      })
    }
    return account.hold(bytes)
  }

  /** The messages of one operation, as graphql-transport-ws wants them. */
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

/** What of a message would be lost by reading it, or is nested too deep. */
function mistakeIn(text: string): RtcError | undefined {
  try {
    readJson(text, { checked: 'payload.variables.' })
    return undefined
  } catch (error) {
    const problems = error instanceof RtcError ? error.problems : []
    return badInput(problems.map(({ path, message }) => ({ path: path.replace(/^payload\./, ''), message })))
  }
}

const TAIL = Buffer.from('}')
