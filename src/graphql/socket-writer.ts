import type { Duplex } from 'node:stream'
import { WebSocket } from 'ws'

/** Maximum queued output of one socket. */
const LIMIT = { messages: 256, bytes: 256 * 1024 } as const

/** A queued message in parts. All subscribers of a broadcast share one payload buffer. */
interface PendingMessage {
  readonly head: Buffer
  readonly payload: Buffer
  readonly tail: Buffer
  /** Called when the kernel has accepted the message, or when it was discarded. */
  readonly onSettled: (() => void) | undefined
}

/** The socket of a writer. */
export interface SocketWriterOwner {
  /** Closes the socket of a slow consumer. */
  overflowed(): void
}

const EMPTY = Buffer.alloc(0)

/**
 * Sends the messages of one socket in order. While the kernel accepts output, messages are written directly. Otherwise
 * they are queued, and a slow consumer whose queue exceeds the limit is closed; it may resume with its cursor. A queued
 * message costs a reference to the shared payload, not a copy.
 *
 * Builds frames itself: `ws` writes each frame in two parts, which is half the cost of a broadcast.
 */
export class SocketWriter {
  readonly #socket: WebSocket
  readonly #stream: Duplex
  readonly #owner: SocketWriterOwner
  /** Undefined while nothing is queued. */
  #pending: PendingMessage[] | undefined
  #bytes = 0
  #congested = false
  #closed = false

  /**
   * @param stream - the socket's TCP or TLS stream
   * @param owner - must call `close` when the socket is closed
   */
  constructor(socket: WebSocket, stream: Duplex, owner: SocketWriterOwner) {
    this.#socket = socket
    this.#stream = stream
    this.#owner = owner
  }

  /** Resolves when the kernel has accepted the message, or when it was discarded. */
  send(head: Buffer, payload: Buffer = EMPTY, tail: Buffer = EMPTY): Promise<void> {
    return new Promise((onSettled) => this.#submit({ head, payload, tail, onSettled }))
  }

  /** Sends a message without reporting when it was accepted. */
  post(head: Buffer, payload: Buffer, tail: Buffer): void {
    if (this.#congested || !this.#isOpen) this.#submit({ head, payload, tail, onSettled: undefined })
    else this.#write(frames.encode(head, payload, tail))
  }

  /** Discards the queue and closes the socket of a slow consumer. */
  overflow(): void {
    if (this.#closed) return
    this.close()
    this.#owner.overflowed()
  }

  /** Discards the queue; further messages are discarded, too. */
  close(): void {
    this.#closed = true
    for (const { onSettled } of this.#pending ?? []) onSettled?.()
    this.#pending = undefined
    this.#bytes = 0
  }

  get #isOpen(): boolean {
    return !this.#closed && this.#socket.readyState === WebSocket.OPEN
  }

  #submit(message: PendingMessage): void {
    const { head, payload, tail, onSettled } = message
    if (!this.#isOpen) onSettled?.()
    else if (this.#congested) this.#enqueue(message)
    else this.#write(frames.encode(head, payload, tail), onSettled)
  }

  #enqueue(message: PendingMessage): void {
    this.#pending ??= []
    this.#pending.push(message)
    this.#bytes += message.head.length + message.payload.length + message.tail.length
    const bytes = this.#bytes + this.#stream.writableLength
    if (this.#pending.length > LIMIT.messages || bytes > LIMIT.bytes) this.overflow()
  }

  #write(frame: Buffer, onSettled?: () => void): void {
    this.#stream.write(frame, onSettled)
    if (this.#stream.writableLength === 0) return
    frames.giveAway()
    this.#congested = true
    // The callback of an empty write runs after all earlier output was accepted.
    this.#stream.write(EMPTY, () => this.#flush())
  }

  #flush(): void {
    this.#congested = false
    const pending = this.#pending ?? []
    this.#pending = undefined
    this.#bytes = 0
    for (const message of pending) this.#submit(message)
  }
}

/** Bytes of the buffer that small frames share, as many as a slab of Node's pool of buffers. */
const SHARED_BYTES = 8 * 1024

/**
 * Encodes text messages as one frame each: final, and unmasked as frames of a server are. All sockets share one buffer,
 * because the kernel usually has copied a frame when the write returns; of a broadcast, only the head is written anew.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6455#section-5.2
 */
class FrameEncoder {
  #shared: Buffer | undefined
  /** The last frame, whose bytes after the head also fit a message with the same payload and a head of the same length. */
  #frame: Buffer | undefined
  #headAt = 0
  #headLength = 0
  #payload: Buffer = EMPTY
  #tail: Buffer = EMPTY

  /** Returns the frame, which is valid until the next call. */
  encode(head: Buffer, payload: Buffer, tail: Buffer): Buffer {
    const last = this.#frame
    if (last && payload === this.#payload && tail === this.#tail && head.length === this.#headLength) {
      last.set(head, this.#headAt)
      return last
    }
    const length = head.length + payload.length + tail.length
    const headAt = length < 126 ? 2 : length < 65_536 ? 4 : 10
    const frame = this.#allocate(headAt + length)
    frame[0] = 0x81
    if (headAt === 2) frame[1] = length
    else if (headAt === 4) {
      frame[1] = 126
      frame.writeUInt16BE(length, 2)
    } else {
      frame[1] = 127
      frame.writeBigUInt64BE(BigInt(length), 2)
    }
    frame.set(head, headAt)
    frame.set(payload, headAt + head.length)
    frame.set(tail, headAt + head.length + payload.length)
    this.#frame = frame
    this.#headAt = headAt
    this.#headLength = head.length
    this.#payload = payload
    this.#tail = tail
    return frame
  }

  /** Leaves the last frame to a stream that has not written it yet. */
  giveAway(): void {
    this.#shared = undefined
    this.#frame = undefined
  }

  #allocate(bytes: number): Buffer {
    if (bytes > SHARED_BYTES) return Buffer.allocUnsafeSlow(bytes)
    this.#shared ??= Buffer.allocUnsafeSlow(SHARED_BYTES)
    return this.#shared.subarray(0, bytes)
  }
}

const frames = new FrameEncoder()
