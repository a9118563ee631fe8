import { setTimeout as delay } from 'node:timers/promises'
import { subscribeMessage, Target } from './target.ts'

/** Latencies of one user's requests, in milliseconds. */
export interface Experience {
  readonly requests: number
  /** Requests without a successful response within 10 s, and commands whose event did not arrive. */
  readonly failed: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export const CALLS = 5
const PAUSE = 20
const TIMEOUT = 10_000
const STREAM = 'subscription ($roomId: ID!) { roomUpdated(roomId: $roomId) { seq } }'

/**
 * Keeps five p2p calls active. In turn each call reads its room over REST, reads it over GraphQL, and mutes or unmutes;
 * the last one completes when the event arrives on the stream.
 */
export class Bystander {
  readonly #target: Target
  readonly #calls: Call[] = []
  #times: number[] = []
  #failed = 0
  #stopped = false
  #running: Promise<void> = Promise.resolve()

  private constructor(target: Target) {
    this.#target = target
  }

  static async start(url: string): Promise<Bystander> {
    const bystander = new Bystander(new Target(url, '127.0.0.1'))
    for (let index = 0; index < CALLS; index += 1) bystander.#calls.push(await Call.start(bystander.#target, index))
    bystander.#running = bystander.#run()
    return bystander
  }

  /** Latencies since the last report. */
  report(): Experience {
    const times = this.#times.toSorted((a, b) => a - b)
    const at = (quantile: number) => times[Math.min(times.length - 1, Math.floor(times.length * quantile))] ?? 0
    const experience = { requests: times.length, failed: this.#failed, p50: at(0.5), p99: at(0.99), max: at(1) }
    this.#times = []
    this.#failed = 0
    return experience
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
    for (const call of this.#calls) call.close()
    this.#target.close()
  }

  async #run(): Promise<void> {
    for (let turn = 0; !this.#stopped; turn += 1) {
      const call = this.#calls[turn % CALLS]
      if (!call) return
      const action = [() => call.readByRest(), () => call.readByGraphQL(), () => call.mute()][turn % 3]
      const started = performance.now()
      const done = await Promise.race([action?.(), delay(TIMEOUT, false, { ref: false })])
      this.#times.push(performance.now() - started)
      if (!done) this.#failed += 1
      await delay(PAUSE)
    }
  }
}

class Call {
  readonly #target: Target
  readonly #roomId: string
  readonly #token: string
  readonly #close: () => void
  #muted = false
  #seq = 0
  #onEvent = () => {}

  private constructor(target: Target, options: { roomId: string; token: string; close: () => void }) {
    this.#target = target
    this.#roomId = options.roomId
    this.#token = options.token
    this.#close = options.close
  }

  static async start(target: Target, index: number): Promise<Call> {
    const [caller, callee] = [`bystander-${index}-a`, `bystander-${index}-b`]
    const token = await target.token(caller)
    const created = await target.rest(token, 'POST', '/rooms', { type: 'p2p', calleeId: callee })
    const { id } = JSON.parse(created.body) as { id: string }
    await target.rest(token, 'POST', `/rooms/${id}/join`)
    await target.rest(await target.token(callee), 'POST', `/rooms/${id}/join`)
    const socket = await target.session(token)
    if (!socket) throw new Error('the bystander cannot connect')
    const call = new Call(target, { roomId: id, token, close: () => socket.terminate() })
    socket.on('message', (data: Buffer) => {
      const { payload } = JSON.parse(data.toString()) as { payload?: { data?: { roomUpdated: { seq: number } } } }
      call.#seq = payload?.data?.roomUpdated.seq ?? call.#seq
      call.#onEvent()
    })
    socket.send(subscribeMessage('1', STREAM, { roomId: id }))
    return call
  }

  async readByRest(): Promise<boolean> {
    return (await this.#target.rest(this.#token, 'GET', `/rooms/${this.#roomId}`)).status === 200
  }

  async readByGraphQL(): Promise<boolean> {
    const { status, body } = await this.#target.graphql(
      this.#token,
      'query ($id: ID!) { room(id: $id) { status participants { userId state } } }',
      { id: this.#roomId },
    )
    return status === 200 && body.includes('ACTIVE')
  }

  async mute(): Promise<boolean> {
    this.#muted = !this.#muted
    const before = this.#seq
    const received = new Promise<void>((resolve) => {
      this.#onEvent = () => this.#seq > before && resolve()
    })
    const { status, body } = await this.#target.graphql(
      this.#token,
      'mutation ($input: UpdateParticipantInput!) { updateParticipant(input: $input) { room { seq } } }',
      { input: { roomId: this.#roomId, audio: !this.#muted } },
    )
    if (status !== 200 || !body.includes('"seq"')) return false
    await received
    return true
  }

  close(): void {
    this.#close()
  }
}
