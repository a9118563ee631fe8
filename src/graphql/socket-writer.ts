import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'

/** What may wait for one socket. */
const LIMIT = { messages: 256, bytes: 256 * 1024 } as const

/** A message that waits, in its parts: the second is shared by all the readers that it waits for. */
interface Waiting {
  readonly head: Buffer
  readonly payload: Buffer
  readonly tail: Buffer
  readonly taken: (() => void) | undefined
}

const NOTHING = Buffer.alloc(0)

/**
 * Everything that a socket is sent, in order. While the kernel takes what it is given, messages go straight through;
 * when the peer does not keep up they wait here, and over the limit the socket is closed: the reader comes back with
 * its cursor. A reader that stands still costs the others no more than a reference to each message.
 *
 * Frames are made here instead of by `ws`, which writes each in two pieces: half of what a broadcast costs.
 */
export class SocketWriter {
  readonly #socket: WebSocket
  readonly #stream: Duplex
  readonly #onOverflow: () => void
  #waiting: Waiting[] = []
  #bytes = 0
  #congested = false
  #over = false

  /**
   * @param stream - the connection below the socket
   * @param onOverflow - closes the socket
   */
  constructor(socket: WebSocket, stream: Duplex, onOverflow: () => void) {
    this.#socket = socket
    this.#stream = stream
    this.#onOverflow = onOverflow
    socket.once('close', () => this.#discard())
  }

  /** Resolves when the kernel has taken the message, or when nobody will. */
  send(head: Buffer, payload: Buffer = NOTHING, tail: Buffer = NOTHING): Promise<void> {
    return new Promise((taken) => this.#offer({ head, payload, tail, taken }))
  }

  /** Never waits. */
  post(head: Buffer, payload: Buffer, tail: Buffer): void {
    if (this.#congested || !this.#isOpen) this.#offer({ head, payload, tail, taken: undefined })
    else this.#write(textFrame(head, payload, tail))
  }

  /** The reader is too slow for what somebody else keeps for it. */
  overflow(): void {
    if (this.#over) return
    this.#discard()
    this.#onOverflow()
  }

  get #isOpen(): boolean {
    return !this.#over && this.#socket.readyState === this.#socket.OPEN
  }

  #offer(message: Waiting): void {
    const { head, payload, tail, taken } = message
    if (!this.#isOpen) taken?.()
    else if (this.#congested) this.#keep(message)
    else this.#write(textFrame(head, payload, tail), taken)
  }

  #keep(message: Waiting): void {
    this.#waiting.push(message)
    this.#bytes += message.head.length + message.payload.length + message.tail.length
    const bytes = this.#bytes + this.#stream.writableLength
    if (this.#waiting.length > LIMIT.messages || bytes > LIMIT.bytes) this.overflow()
  }

  #write(frame: Buffer, taken?: () => void): void {
    this.#stream.write(frame, taken)
    if (this.#stream.writableLength === 0) return
    this.#congested = true
    // Its turn comes when everything before it has been taken.
    this.#stream.write(NOTHING, () => this.#drained())
  }

  #drained(): void {
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

/**
 * A whole text message, as a server sends it: final, not masked.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6455#section-5.2
 */
function textFrame(head: Buffer, payload: Buffer, tail: Buffer): Buffer {
  const length = head.length + payload.length + tail.length
  const start = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const frame = Buffer.allocUnsafe(start + length)
  frame[0] = 0x81
  if (start === 2) frame[1] = length
  else if (start === 4) {
    frame[1] = 126
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = 127
    frame.writeBigUInt64BE(BigInt(length), 2)
  }
  frame.set(head, start)
  frame.set(payload, start + head.length)
  frame.set(tail, start + head.length + payload.length)
  return frame
}
