import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { Lane, TimeSlices } from '../core/time-slices.ts'

/** Bytes that the HTTP parser gets at once: few pipelined requests fit. */
const SLICE = 512
/** The same within a body of known length, which holds no further request. */
const BODY_SLICE = 16 * 1024

/**
 * A TCP connection as `node:http` sees it. It serves one request at a time: while a pipelined request waits for the one
 * before, nothing more is read. A socket itself would hand 64 KiB to the parser, which makes 2000 requests of it at once.
 * Connections take turns in slices of time: a thousand that send at the same moment do not hold up the event loop.
 *
 * @see https://nodejs.org/docs/latest-v20.x/api/http.html#event-connection for servers on top of any Duplex
 */
export class HttpConnection extends Duplex implements Lane {
  readonly #socket: Socket
  readonly #slices: TimeSlices
  /** The parser asks for bytes. */
  #wanted = false
  #released = false
  /** Bytes of the body that is being read. */
  #body = 0
  #serving = false
  readonly #waiting: (() => void)[] = []
  /** The pipelined request whose turn it is. */
  #next: (() => void) | undefined

  constructor(socket: Socket, slices: TimeSlices) {
    // One slice ahead at most.
    super({ readableHighWaterMark: 1, writableHighWaterMark: socket.writableHighWaterMark, decodeStrings: false })
    this.#socket = socket
    this.#slices = slices
    socket.on('readable', this.#onReadable)
    socket.on('end', this.#onEnd)
    socket.on('timeout', this.#onTimeout)
    socket.on('error', this.#onError)
    socket.on('close', this.#onClose)
  }

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress
  }

  /**
   * Starts a request when every request before it on this connection has ended.
   *
   * @param bodyLength - by its Content-Length; 0 where unknown
   */
  serve(start: () => void, bodyLength: number): void {
    this.#body = Math.max(0, bodyLength - 2 * SLICE)
    if (this.#serving) this.#waiting.push(start)
    else {
      this.#serving = true
      start()
    }
  }

  /** The request in work has ended: answered, and the answer taken by the kernel. */
  served(): void {
    const next = this.#waiting.shift()
    this.#serving = next !== undefined
    if (!next) return this.#pump()
    // After everything else that has come meanwhile: cheap answers follow one another without a turn of the event loop.
    setImmediate(() => {
      this.#next = next
      this.#slices.wake(this)
    })
  }

  step(): boolean {
    const next = this.#next
    this.#next = undefined
    if (next && !this.destroyed) next()
    else this.#feed()
    return false
  }

  /** Gives up the socket to another protocol, with the bytes that were read ahead. */
  release(): { socket: Socket; head: Buffer } {
    this.#released = true
    const head = (this.read() as Buffer | null) ?? Buffer.alloc(0)
    this.#socket.off('readable', this.#onReadable)
    this.#socket.off('end', this.#onEnd)
    this.#socket.off('timeout', this.#onTimeout)
    this.#socket.off('error', this.#onError)
    this.#socket.off('close', this.#onClose)
    this.#socket.setTimeout(0)
    return { socket: this.#socket, head }
  }

  /** As of a socket: `node:http` closes connections that idle by it. */
  setTimeout(milliseconds: number, listener?: () => void): this {
    this.#socket.setTimeout(milliseconds)
    if (listener) this.once('timeout', listener)
    return this
  }

  /** As of a socket: has the kernel probe a peer from which nothing comes. */
  setKeepAlive(enable: boolean, initialDelay: number): this {
    this.#socket.setKeepAlive(enable, initialDelay)
    return this
  }

  /** As of a socket: `node:http` calls it after a last answer. */
  destroySoon(): void {
    if (this.writable) this.end()
    if (this.writableFinished) this.destroy()
    else this.once('finish', () => this.destroy())
  }

  override _read(): void {
    this.#wanted = true
    this.#pump()
  }

  override _write(chunk: string | Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, encoding, done)
  }

  override _writev(
    chunks: { chunk: string | Buffer; encoding: BufferEncoding }[],
    done: (error?: Error | null) => void,
  ): void {
    this.#socket.cork()
    for (const [index, { chunk, encoding }] of chunks.entries()) {
      this.#socket.write(chunk, encoding, index === chunks.length - 1 ? done : undefined)
    }
    this.#socket.uncork()
  }

  override _final(done: () => void): void {
    this.#socket.end(done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#waiting.length = 0
    this.#socket.destroy()
    done(error)
  }

  #pump(): void {
    if (this.#mayFeed) this.#slices.wake(this)
  }

  get #mayFeed(): boolean {
    return this.#wanted && !this.#released && !this.destroyed && this.#waiting.length === 0
  }

  /** Hands the parser its next bytes; it serves the request that they complete. */
  #feed(): void {
    if (!this.#mayFeed) return
    const limit = this.#body >= BODY_SLICE ? BODY_SLICE : SLICE
    // Reading nothing asks the kernel for more, and notices the end.
    const chunk = this.#socket.read(Math.min(this.#socket.readableLength, limit)) as Buffer | null
    if (chunk === null) return
    this.#wanted = false
    this.#body = Math.max(0, this.#body - chunk.length)
    this.push(chunk)
  }

  readonly #onReadable = (): void => this.#pump()
  readonly #onEnd = (): void => void this.push(null)
  readonly #onTimeout = (): void => void this.emit('timeout')
  readonly #onError = (error: Error): void => void this.destroy(error)
  readonly #onClose = (): void => void this.destroy()
}
