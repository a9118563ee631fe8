import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** Many WebSocket clients in one process, as light as they can be: what is measured is the server. */
export class Readers {
  readonly #url: URL
  readonly #sockets: Reader[] = []
  /** How many readers have each update, and when each of them got it. */
  readonly #arrivals = new Map<number, number[]>()
  #onAll: (seq: number) => void = () => {}

  constructor(url: string) {
    this.#url = new URL(url)
  }

  get count(): number {
    return this.#sockets.length
  }

  /** Connects readers; those that are `stalled` never read anything after the handshake. */
  async add(hellos: readonly (readonly string[])[], { stalled = false } = {}): Promise<void> {
    for (const hello of hellos) {
      const reader = new Reader(stalled ? () => {} : (seq) => this.#arrived(seq))
      await reader.connect(this.#url, hello)
      if (stalled) reader.stall()
      else this.#sockets.push(reader)
    }
  }

  /** Told of every update that all readers have. */
  onAll(listener: (seq: number) => void): void {
    this.#onAll = listener
  }

  /** When each reader that has the update got it. */
  arrivals(seq: number): readonly number[] {
    return this.#arrivals.get(seq) ?? []
  }

  forgetAll(): void {
    this.#arrivals.clear()
  }

  close(): void {
    for (const socket of this.#sockets) socket.close()
  }

  #arrived(seq: number): void {
    let times = this.#arrivals.get(seq)
    if (!times) this.#arrivals.set(seq, (times = []))
    times.push(Number(process.hrtime.bigint()) / 1e6)
    if (times.length === this.#sockets.length) this.#onAll(seq)
  }
}

const SEQ = Buffer.from('"seq":')

class Reader {
  readonly #onUpdate: (seq: number) => void
  #socket: Socket | undefined
  #rest: Buffer = Buffer.alloc(0)

  constructor(onUpdate: (seq: number) => void) {
    this.#onUpdate = onUpdate
  }

  async connect({ hostname, port, pathname }: URL, hello: readonly string[]): Promise<void> {
    const socket = connect(Number(port), hostname)
    socket.setNoDelay(true)
    this.#socket = socket
    socket.write(
      `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n' +
        'Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n',
    )
    const [head] = (await once(socket, 'data')) as [Buffer]
    if (!head.toString().startsWith('HTTP/1.1 101')) throw new Error(head.toString())
    this.#read(head.subarray(head.indexOf('\r\n\r\n') + 4))
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('error', () => {})
    for (const message of hello) {
      socket.write(masked(message))
      // The acknowledgement, before anything is subscribed to.
      if (hello.length > 1 && message === hello[0]) await once(socket, 'data')
    }
  }

  stall(): void {
    this.#socket?.pause()
  }

  close(): void {
    this.#socket?.destroy()
  }

  #read(chunk: Buffer): void {
    let data = this.#rest.length ? Buffer.concat([this.#rest, chunk]) : chunk
    for (;;) {
      const short = (data[1] ?? 0) & 127
      const start = short === 126 ? 4 : short === 127 ? 10 : 2
      if (data.length < start) break
      const length = short === 126 ? data.readUInt16BE(2) : short === 127 ? Number(data.readBigUInt64BE(2)) : short
      if (data.length < start + length) break
      if (((data[0] ?? 0) & 15) === 1) this.#message(data.subarray(start, start + length))
      data = data.subarray(start + length)
    }
    this.#rest = data
  }

  #message(text: Buffer): void {
    const at = text.indexOf(SEQ)
    if (at >= 0) this.#onUpdate(Number.parseInt(text.toString('latin1', at + SEQ.length, at + SEQ.length + 10), 10))
  }
}

/** A text frame of a client: masked, with a key of zeros. */
function masked(text: string): Buffer {
  const payload = Buffer.from(text)
  const head = Buffer.alloc(payload.length < 126 ? 6 : 8)
  head[0] = 0x81
  if (payload.length < 126) head[1] = 0x80 | payload.length
  else {
    head[1] = 0x80 | 126
    head.writeUInt16BE(payload.length, 2)
  }
  return Buffer.concat([head, payload])
}
