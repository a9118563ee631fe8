import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** Many lightweight WebSocket clients in one process, so that the server is the bottleneck. */
export class Subscribers {
  readonly #url: URL
  readonly #sockets: Subscriber[] = []
  readonly #stalled: { readonly subscriber: Subscriber; readonly seqs: number[] }[] = []
  /** Arrival times of each update at the subscribers, by the update's key. */
  readonly #arrivals = new Map<number, number[]>()
  #onAll: (seq: number) => void = () => {}
  #onDelivery: (deliveries: number) => void = () => {}
  #deliveries = 0
  /** Whether arrival times are recorded; deliveries are always counted. */
  recording = true

  constructor(url: string) {
    this.#url = new URL(url)
  }

  get count(): number {
    return this.#sockets.length
  }

  /**
   * Connects subscribers, distributed over `rooms` in turns. Those that are `stalled` read nothing after the handshake
   * until {@link wake}.
   */
  async add(hellos: readonly (readonly string[])[], { stalled = false, rooms = 1 } = {}): Promise<void> {
    for (const hello of hellos) {
      const seqs: number[] = []
      const room = this.#sockets.length % rooms
      const subscriber = new Subscriber(stalled ? (seq) => seqs.push(seq) : (seq) => this.#arrived(keyOf(room, seq)))
      await subscriber.connect(this.#url, hello)
      if (stalled) {
        subscriber.stall()
        this.#stalled.push({ subscriber, seqs })
      } else this.#sockets.push(subscriber)
    }
  }

  /** Sends one message on each connection at once; `message` gets the connection's number. */
  sendAll(message: (index: number) => string): void {
    for (const [index, socket] of this.#sockets.entries()) socket.send(message(index))
  }

  /** Lets the stalled subscribers read to the end; returns the updates and the close code of each. */
  wake(): Promise<readonly Ending[]> {
    return Promise.all(
      this.#stalled.splice(0).map(async ({ subscriber, seqs }) => ({ seqs, code: await subscriber.readToTheEnd() })),
    )
  }

  /** Calls the listener with each update that all subscribers have received. */
  onAll(listener: (seq: number) => void): void {
    this.#onAll = listener
  }

  /** Calls the listener after each delivery with the total number of deliveries. */
  onDelivery(listener: (deliveries: number) => void): void {
    this.#onDelivery = listener
  }

  get deliveries(): number {
    return this.#deliveries
  }

  /** Arrival times of the update at the subscribers. */
  arrivals(key: number): readonly number[] {
    return this.#arrivals.get(key) ?? []
  }

  forgetAll(): void {
    this.#arrivals.clear()
  }

  close(): void {
    for (const socket of this.#sockets) socket.close()
    for (const { subscriber } of this.#stalled) subscriber.close()
  }

  #arrived(key: number): void {
    this.#deliveries += 1
    this.#onDelivery(this.#deliveries)
    if (!this.recording) return
    let times = this.#arrivals.get(key)
    if (!times) this.#arrivals.set(key, (times = []))
    times.push(Number(process.hrtime.bigint()) / 1e6)
    if (times.length === this.#sockets.length) this.#onAll(key)
  }
}

/** The key of an update of one of several rooms; for the first room, it equals the seq. */
export const keyOf = (room: number, seq: number): number => room * 2 ** 32 + seq

const SEQ = Buffer.from('"seq":')
/** https://www.rfc-editor.org/rfc/rfc6455#section-5.2 */
const OPCODE = { text: 1, close: 8, ping: 9, pong: 10 } as const

/** The updates that a subscriber received, and its close code; 1006 without a close frame. */
export interface Ending {
  readonly seqs: readonly number[]
  readonly code: number
}

/** One WebSocket client. */
export class Subscriber {
  readonly #onUpdate: (seq: number) => void
  #socket: Socket | undefined
  #rest: Buffer = Buffer.alloc(0)
  #code = 1006

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
      this.send(message)
      // Wait for connection_ack before subscribing.
      if (message === hello[0]) await once(socket, 'data')
    }
  }

  send(message: string): void {
    this.#socket?.write(masked(OPCODE.text, Buffer.from(message)))
  }

  stall(): void {
    this.#socket?.pause()
  }

  /** Reads until the connection is closed; returns the close code. */
  async readToTheEnd(): Promise<number> {
    const socket = this.#socket
    if (socket && !socket.closed) {
      const closed = once(socket, 'close')
      socket.resume()
      await closed
    }
    return this.#code
  }

  close(): void {
    this.#socket?.destroy()
  }

  #closed(code: number): void {
    this.#code = code
    this.#socket?.end()
  }

  #read(chunk: Buffer): void {
    let data = this.#rest.length ? Buffer.concat([this.#rest, chunk]) : chunk
    for (;;) {
      const short = (data[1] ?? 0) & 127
      const start = short === 126 ? 4 : short === 127 ? 10 : 2
      if (data.length < start) break
      const length = short === 126 ? data.readUInt16BE(2) : short === 127 ? Number(data.readBigUInt64BE(2)) : short
      if (data.length < start + length) break
      const payload = data.subarray(start, start + length)
      const opcode = (data[0] ?? 0) & 15
      if (opcode === OPCODE.text) this.#message(payload)
      else if (opcode === OPCODE.ping) this.#socket?.write(masked(OPCODE.pong, payload))
      else if (opcode === OPCODE.close) this.#closed(payload.readUInt16BE(0))
      data = data.subarray(start + length)
    }
    this.#rest = data
  }

  #message(text: Buffer): void {
    const at = text.indexOf(SEQ)
    if (at >= 0) this.#onUpdate(Number.parseInt(text.toString('latin1', at + SEQ.length, at + SEQ.length + 10), 10))
  }
}

/** A client's frame: final, masked with a key of zeros. */
function masked(opcode: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(payload.length < 126 ? 6 : 8)
  head[0] = 0x80 | opcode
  if (payload.length < 126) head[1] = 0x80 | payload.length
  else {
    head[1] = 0x80 | 126
    head.writeUInt16BE(payload.length, 2)
  }
  return Buffer.concat([head, payload])
}
