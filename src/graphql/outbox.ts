import type { WebSocket } from 'ws'

/** What may wait for one socket. */
const LIMIT = { messages: 256, bytes: 256 * 1024 } as const

/** A message that waits. The payload is shared by all the readers that it waits for. */
interface Waiting {
  readonly head: string
  readonly payload: string
  readonly tail: string
  readonly taken: (() => void) | undefined
}

/**
 * Everything that a socket is sent, in order. While the kernel takes what it is given, messages go straight through;
 * when the peer does not keep up they wait here, and over the limit the socket is closed: the reader comes back with
 * its cursor. A reader that stands still costs the others no more than a reference to each message.
 */
export class Outbox {
  readonly #socket: WebSocket
  readonly #onOverflow: () => void
  #waiting: Waiting[] = []
  #bytes = 0
  #congested = false
  #over = false

  /** @param onOverflow - closes the socket */
  constructor(socket: WebSocket, onOverflow: () => void) {
    this.#socket = socket
    this.#onOverflow = onOverflow
    socket.once('close', () => this.#discard())
  }

  /** Resolves when the kernel has taken the message, or when nobody will. */
  send(message: string): Promise<void> {
    return new Promise((taken) => this.#offer({ head: message, payload: '', tail: '', taken }))
  }

  /** Never waits. The message is the three parts in a row. */
  post(head: string, payload: string, tail: string): void {
    this.#offer({ head, payload, tail, taken: undefined })
  }

  /** The reader is too slow for what somebody else keeps for it. */
  overflow(): void {
    if (this.#over) return
    this.#discard()
    this.#onOverflow()
  }

  #offer(message: Waiting): void {
    if (this.#over || this.#socket.readyState !== this.#socket.OPEN) {
      message.taken?.()
      return
    }
    if (!this.#congested) {
      this.#write(message)
      return
    }
    this.#waiting.push(message)
    this.#bytes += sizeOf(message)
    const { bufferedAmount } = this.#socket
    if (this.#waiting.length > LIMIT.messages || this.#bytes + bufferedAmount > LIMIT.bytes) this.overflow()
  }

  #write({ head, payload, tail, taken }: Waiting): void {
    this.#socket.send(head + payload + tail, taken ? () => this.#taken(taken) : this.#onTaken)
    this.#congested = this.#socket.bufferedAmount > 0
  }

  #taken(taken: () => void): void {
    taken()
    this.#onTaken()
  }

  readonly #onTaken = (): void => {
    if (!this.#congested || this.#socket.bufferedAmount > 0) return
    this.#congested = false
    const waiting = this.#waiting
    this.#waiting = []
    this.#bytes = 0
    for (const message of waiting) this.#offer(message)
  }

  #discard(): void {
    this.#over = true
    for (const { taken } of this.#waiting) taken?.()
    this.#waiting = []
    this.#bytes = 0
  }
}

/** UTF-16 units: near enough to bytes for a bound. */
const sizeOf = ({ head, payload, tail }: Waiting): number => head.length + payload.length + tail.length
