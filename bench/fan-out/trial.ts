import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { percentile } from '../harness/statistics.ts'
import { keyOf, Subscribers } from './subscribers.ts'
import type { Length, Order, Report } from './server.ts'
import type { Scene } from './variant.ts'

const SERVER = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? 'server.ts' : 'server.js', import.meta.url))

/** Updates in flight to each subscriber in a flood. */
const WINDOW = 8

/** Milliseconds allowed for the last subscriptions at a server without snapshots. */
const SUBSCRIBE_TIME = 1000

export interface Latency {
  readonly p50: number
  readonly p99: number
}

/** Bytes. */
export interface Memory {
  readonly heap: number
  readonly rss: number
}

/** A server under test and its subscribers. */
export class Trial {
  readonly #child: ChildProcess
  readonly #scene: Scene
  readonly #reports: Report[] = []
  #wake = () => {}
  #subscribers!: Subscribers
  #sendsSnapshot = false
  #next = 0

  private constructor(variant: string, databaseUrl: string, scene: Scene) {
    this.#scene = scene
    this.#child = fork(SERVER, [variant, databaseUrl, JSON.stringify(scene)], {
      execArgv: [...process.execArgv, '--expose-gc'],
      env: { ...process.env, NODE_ENV: 'production' },
    })
    this.#child.on('message', (report: Report) => {
      this.#reports.push(report)
      this.#wake()
    })
  }

  static async start(variant: string, databaseUrl: string, scene: Scene = { rooms: 1, members: 10 }): Promise<Trial> {
    const trial = new Trial(variant, databaseUrl, scene)
    const { url, sendsSnapshot } = await trial.#report('ready')
    trial.#sendsSnapshot = sendsSnapshot
    trial.#subscribers = new Subscribers(url)
    return trial
  }

  async connect(count: number, options: { stalled?: boolean } = {}): Promise<void> {
    this.#send({ kind: 'hello', from: this.#next, count })
    this.#next += count
    const { messages } = await this.#report('hello')
    const before = this.#subscribers.deliveries
    await this.#subscribers.add(messages, { ...options, rooms: this.#scene.rooms })
    // A subscriber that has not subscribed yet would miss what is published now.
    if (!this.#sendsSnapshot || options.stalled) await new Promise((go) => setTimeout(go, SUBSCRIBE_TIME))
    else while (this.#subscribers.deliveries - before < count) await new Promise((go) => setTimeout(go, 5))
  }

  /** Deliveries per second, and the server's CPU time per delivery in microseconds. */
  async flood(length: Length): Promise<{ rate: number; cpu: number }> {
    const subscribers = this.#subscribers
    const each = subscribers.count / this.#scene.rooms
    // With many rooms, arrivals are reported in batches, so that the reports do not distort the measurement.
    const batch = Math.max(each, Math.ceil(subscribers.count / 5))
    const before = subscribers.deliveries
    let last = 0
    subscribers.recording = false
    subscribers.onDelivery((deliveries) => {
      last = now()
      const received = deliveries - before
      if (received % batch === 0) this.#send({ kind: 'received', events: Math.floor(received / each) })
    })
    this.#send({ kind: 'flood', length, window: Math.ceil((WINDOW * batch) / each) })
    const { updates, cpu } = await this.#report('published')
    const deliveries = updates.length * each
    while (subscribers.deliveries - before < deliveries) await new Promise((go) => setTimeout(go, 5))
    subscribers.onDelivery(() => {})
    subscribers.recording = true
    return { rate: deliveries / ((last - (updates[0]?.[2] ?? 0)) / 1000), cpu: (cpu * 1000) / deliveries }
  }

  /** Latency from publish to receipt, in milliseconds. */
  async pace(events: number, interval: number): Promise<Latency> {
    const each = this.#subscribers.count / this.#scene.rooms
    this.#send({ kind: 'pace', events, interval })
    const { updates } = await this.#report('published')
    const latencies: number[] = []
    for (const [room, seq, at] of updates) {
      const key = keyOf(room, seq)
      while (this.#subscribers.arrivals(key).length < each) await new Promise((go) => setTimeout(go, 5))
      for (const arrival of this.#subscribers.arrivals(key)) latencies.push(arrival - at)
    }
    this.#subscribers.forgetAll()
    return { p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) }
  }

  /** Waits until the gateway has closed all stalled subscribers. */
  async endStalled(): Promise<void> {
    await this.#subscribers.wake()
  }

  async memory(): Promise<Memory> {
    this.#send({ kind: 'memory' })
    return this.#report('memory')
  }

  async close(): Promise<void> {
    this.#subscribers.close()
    const exited = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#send({ kind: 'close' })
    await exited
  }

  #send(order: Order): void {
    this.#child.send(order)
  }

  async #report<K extends Report['kind']>(kind: K): Promise<Extract<Report, { kind: K }>> {
    for (;;) {
      const index = this.#reports.findIndex((report) => report.kind === kind)
      if (index >= 0) return this.#reports.splice(index, 1)[0] as Extract<Report, { kind: K }>
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}

const now = (): number => Number(process.hrtime.bigint()) / 1e6
