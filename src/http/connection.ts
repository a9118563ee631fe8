import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { Lane, TimeSlices } from '../core/time-slices.ts'

/** Bytes passed to the HTTP parser at once; they hold only a few pipelined requests. */
const SLICE = 512
/** The same within a body of known length, which contains no further request. */
const BODY_SLICE = 16 * 1024

/**
 * A TCP connection that `node:http` uses in place of the socket. Serves one request at a time; while a pipelined request
 * is pending, it stops reading. A plain socket would pass 64 KiB at once to the parser, enough to start 2000 requests.
 * Connections share the event loop in time slices, so that a thousand active ones do not block it.
 *
 * @see https://nodejs.org/docs/latest-v20.x/api/http.html#event-connection for servers on top of any Duplex
 */
export class HttpConnection extends Duplex implements Lane {
  readonly #socket: Socket
  readonly #slices: TimeSlices
  /** The parser has requested bytes. */
  #wanted = false
  #released = false
  /** Remaining bytes of the body that is being read. */
  #body = 0
  #serving = false
  readonly #pipelined: (() => void)[] = []
  /** The pipelined request to start in the next time slice. */
  #next: (() => void) | undefined

  constructor(socket: Socket, slices: TimeSlices) {
    // Read at most one slice ahead.
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
   * Starts a request when all earlier requests of this connection have ended.
   *
   * @param bodyLength - from Content-Length; 0 if unknown
   */
  serve(start: () => void, bodyLength: number): void {
    this.#body = Math.max(0, bodyLength - 2 * SLICE)
    if (this.#serving) this.#pipelined.push(start)
    else {
      this.#serving = true
      start()
    }
  }

  /** The request in flight has ended: the kernel has accepted its response. */
  served(): void {
    const next = this.#pipelined.shift()
    this.#serving = next !== undefined
    if (!next) return this.#pump()
    // Let pending I/O run first; otherwise fast responses would follow each other without yielding to the event loop.
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

  /** Releases the socket to another protocol, with the bytes that were read ahead. */
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

  /** Like `net.Socket`: `node:http` uses it to close idle connections. */
  setTimeout(milliseconds: number, listener?: () => void): this {
    this.#socket.setTimeout(milliseconds)
    if (listener) this.once('timeout', listener)
    return this
  }

  /** Like `net.Socket`: the kernel probes a silent peer. */
  setKeepAlive(enable: boolean, initialDelay: number): this {
    this.#socket.setKeepAlive(enable, initialDelay)
    return this
  }

  /** Like `net.Socket`: `node:http` calls it after the last response. */
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
    this.#pipelined.length = 0
    this.#socket.destroy()
    done(error)
  }

  #pump(): void {
    if (this.#mayFeed) this.#slices.wake(this)
  }

  get #mayFeed(): boolean {
    return this.#wanted && !this.#released && !this.destroyed && this.#pipelined.length === 0
  }

  /** Passes the next bytes to the parser, which emits a request when its head is complete. */
  #feed(): void {
    if (!this.#mayFeed) return
    const limit = this.#body >= BODY_SLICE ? BODY_SLICE : SLICE
    // Even an empty read makes the socket request more bytes and detect the end.
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
