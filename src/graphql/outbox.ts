import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'

/** What may wait for one socket. */
const LIMIT = { messages: 256, bytes: 256 * 1024 } as const

/** A message that waits, in parts: most of it is shared by all the readers that it waits for. */
interface Waiting {
  readonly parts: readonly Buffer[]
  readonly taken: (() => void) | undefined
}

/**
 * Everything that a socket is sent, in order. While the kernel takes what it is given, messages go straight through;
 * when the peer does not keep up they wait here, and over the limit the socket is closed: the reader comes back with
 * its cursor. A reader that stands still costs the others no more than a reference to each message.
 *
 * Frames are made here instead of by `ws`, which writes each in two pieces: half of what a broadcast costs.
 */
export class Outbox {
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
  send(...parts: readonly Buffer[]): Promise<void> {
    return new Promise((taken) => this.#offer({ parts, taken }))
  }

  /** Never waits. */
  post(...parts: readonly Buffer[]): void {
    this.#offer({ parts, taken: undefined })
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
    this.#bytes += sizeOf(message.parts)
    const bytes = this.#bytes + this.#stream.writableLength
    if (this.#waiting.length > LIMIT.messages || bytes > LIMIT.bytes) this.overflow()
  }

  #write({ parts, taken }: Waiting): void {
    this.#stream.write(textFrame(parts), taken ? () => this.#wasTaken(taken) : this.#onTaken)
    this.#congested = this.#stream.writableLength > 0
  }

  #wasTaken(taken: () => void): void {
    taken()
    this.#onTaken()
  }

  readonly #onTaken = (): void => {
    if (!this.#congested || this.#stream.writableLength > 0) return
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

function sizeOf(parts: readonly Buffer[]): number {
  let size = 0
  for (const part of parts) size += part.length
  return size
}

/**
 * A whole text message, as a server sends it: final, not masked.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6455#section-5.2
 */
function textFrame(parts: readonly Buffer[]): Buffer {
  const length = sizeOf(parts)
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
  let at = start
  for (const part of parts) {
    part.copy(frame, at)
    at += part.length
  }
  return frame
}
