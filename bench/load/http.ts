import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface Reply {
  readonly status: number
  readonly body: Buffer
}

/** A serialised request, so that sending it repeatedly costs the client little. */
export function requestBytes(
  url: string,
  { method = 'POST', path, token, body }: { method?: string; path: string; token: string; body?: unknown },
): Buffer {
  const content = body === undefined ? '' : JSON.stringify(body)
  const head = [
    `${method} ${path} HTTP/1.1`,
    `Host: ${new URL(url).host}`,
    `Authorization: Bearer ${token}`,
    'Accept: application/json',
    ...(body === undefined ? [] : ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(content)}`]),
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${content}`)
}

const HEAD_END = Buffer.from('\r\n\r\n')
const LINE_END = Buffer.from('\r\n')

/** Idle milliseconds after which a new connection is opened: Node.js closes connections that are idle for 5 seconds. */
const IDLE_MAX = 1000

/**
 * A minimal keep-alive HTTP/1.1 connection with sequential requests, so that the server is the bottleneck.
 */
export class HttpConnection {
  readonly #url: string
  #socket: Socket | undefined
  #usedAt = 0
  #received: Buffer = Buffer.alloc(0)
  #pending: { resolve(reply: Reply): void; reject(error: Error): void } | undefined

  constructor(url: string) {
    this.#url = url
  }

  /** Opens a new connection if this one has been idle for too long. */
  async refresh(): Promise<void> {
    if (!this.#isFresh) await this.#connect()
  }

  async send(request: Buffer): Promise<Reply> {
    const socket = this.#isFresh && this.#socket ? this.#socket : await this.#connect()
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject }
      socket.write(request)
    })
  }

  close(): void {
    this.#pending = undefined
    this.#socket?.destroy()
  }

  get #isFresh(): boolean {
    return this.#socket?.writable === true && performance.now() - this.#usedAt < IDLE_MAX
  }

  async #connect(): Promise<Socket> {
    this.#socket?.removeAllListeners('close').destroy()
    const { hostname, port } = new URL(this.#url)
    const socket = connect(Number(port), hostname)
    await once(socket, 'connect')
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('the server has closed the connection')))
    this.#received = Buffer.alloc(0)
    this.#usedAt = performance.now()
    this.#socket = socket
    return socket
  }

  #fail(error: Error): void {
    this.#pending?.reject(error)
    this.#pending = undefined
  }

  #take(chunk: Buffer): void {
    this.#received = this.#received.length > 0 ? Buffer.concat([this.#received, chunk]) : chunk
    const reply = parseReply(this.#received)
    if (!reply) return
    this.#received = Buffer.alloc(0)
    this.#usedAt = performance.now()
    const pending = this.#pending
    this.#pending = undefined
    pending?.resolve(reply)
  }
}

/** Parses a response; undefined while it is incomplete. */
export function parseReply(bytes: Buffer): Reply | undefined {
  const end = bytes.indexOf(HEAD_END)
  if (end < 0) return undefined
  const head = bytes.toString('latin1', 0, end)
  const status = Number(head.slice(9, 12))
  const start = end + HEAD_END.length
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (length !== undefined) {
    const stop = start + Number(length)
    return bytes.length < stop ? undefined : { status, body: bytes.subarray(start, stop) }
  }
  if (/\r\ntransfer-encoding: *chunked/i.test(head)) {
    const body = parseChunks(bytes, start)
    return body && { status, body }
  }
  return { status, body: Buffer.alloc(0) }
}

/** https://www.rfc-editor.org/rfc/rfc9112#section-7.1 */
function parseChunks(bytes: Buffer, start: number): Buffer | undefined {
  const chunks: Buffer[] = []
  for (let at = start; ;) {
    const end = bytes.indexOf(LINE_END, at)
    if (end < 0) return undefined
    const size = Number.parseInt(bytes.toString('latin1', at, end), 16)
    const data = end + LINE_END.length
    if (bytes.length < data + size + LINE_END.length) return undefined
    if (size === 0) return Buffer.concat(chunks)
    chunks.push(bytes.subarray(data, data + size))
    at = data + size + LINE_END.length
  }
}
