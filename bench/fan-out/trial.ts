import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { percentile } from '../harness/statistics.ts'
import { keyOf, Readers } from './readers.ts'
import type { Length, Order, Report } from './server.ts'
import type { Scene } from './variant.ts'

const SERVER = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? 'server.ts' : 'server.js', import.meta.url))

/** Updates that may be on their way to each reader in a flood. */
const WINDOW = 8

export interface Latency {
  readonly p50: number
  readonly p99: number
}

/** Bytes. */
export interface Memory {
  readonly heap: number
  readonly rss: number
}

/** A server under test and its readers. */
export class Trial {
  readonly #child: ChildProcess
  readonly #scene: Scene
  readonly #reports: Report[] = []
  #wake = () => {}
  #readers!: Readers
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
    const { url } = await trial.#report('ready')
    trial.#readers = new Readers(url)
    return trial
  }

  async connect(count: number, options: { stalled?: boolean } = {}): Promise<void> {
    this.#send({ kind: 'hello', from: this.#next, count })
    this.#next += count
    const { messages } = await this.#report('hello')
    await this.#readers.add(messages, { ...options, rooms: this.#scene.rooms })
  }

  /** Deliveries a second, and microseconds of the server's processor time for each. */
  async flood(length: Length): Promise<{ rate: number; cpu: number }> {
    const readers = this.#readers
    const each = readers.count / this.#scene.rooms
    // With many rooms it is not reported of each update that it has arrived: that would be measured, too.
    const batch = Math.max(each, Math.ceil(readers.count / 5))
    const before = readers.deliveries
    let last = 0
    readers.recording = false
    readers.onDelivery((deliveries) => {
      last = now()
      const so = deliveries - before
      if (so % batch === 0) this.#send({ kind: 'received', events: Math.floor(so / each) })
    })
    this.#send({ kind: 'flood', length, window: Math.ceil((WINDOW * batch) / each) })
    const { updates, cpu } = await this.#report('published')
    const deliveries = updates.length * each
    while (readers.deliveries - before < deliveries) await new Promise((go) => setTimeout(go, 5))
    readers.onDelivery(() => {})
    readers.recording = true
    return { rate: deliveries / ((last - (updates[0]?.[2] ?? 0)) / 1000), cpu: (cpu * 1000) / deliveries }
  }

  /** Publish → receive, in milliseconds. */
  async pace(events: number, interval: number): Promise<Latency> {
    const each = this.#readers.count / this.#scene.rooms
    this.#send({ kind: 'pace', events, interval })
    const { updates } = await this.#report('published')
    const latencies: number[] = []
    for (const [room, seq, at] of updates) {
      const key = keyOf(room, seq)
      while (this.#readers.arrivals(key).length < each) await new Promise((go) => setTimeout(go, 5))
      for (const arrival of this.#readers.arrivals(key)) latencies.push(arrival - at)
    }
    this.#readers.forgetAll()
    return { p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) }
  }

  /** Waits until the gateway has closed all that stand still. */
  async endStalled(): Promise<void> {
    await this.#readers.wake()
  }

  async memory(): Promise<Memory> {
    this.#send({ kind: 'memory' })
    return this.#report('memory')
  }

  async close(): Promise<void> {
    this.#readers.close()
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
