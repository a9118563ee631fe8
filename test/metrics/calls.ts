import { setTimeout as delay } from 'node:timers/promises'
import { Subscriber } from '../faults/crowd.ts'

const TOGGLE = `mutation ($input: UpdateParticipantInput!) { updateParticipant(input: $input) { room { seq } } }`
/** Milliseconds after which a client gives up a request. */
const REQUEST_TIMEOUT = 15_000

interface CrowdOptions {
  /** The current addresses of the nodes. */
  urls(): readonly string[]
  token(userId: string): Promise<string>
  /** From 0 to 1. */
  random(): number
  /** How many calls go on at the same time, each between users of its own. */
  readonly lanes: number
  /** Milliseconds between two actions of a call. */
  readonly pace: number
}

/** One user of a lane. */
interface Member {
  readonly id: string
  readonly token: string
}

/** Random calls whose participants reconnect, hang up, disappear or do not answer, until the crowd pauses. */
export class Crowd {
  readonly #options: CrowdOptions
  #running: Promise<unknown> = Promise.resolve()
  #left = 0
  /** Responses by status, as the clients have seen them; `none` without a response. */
  readonly responses = new Map<string, number>()
  /** Descriptions of updates that were lost, repeated or out of order. */
  readonly faults: string[] = []
  calls = 0
  received = 0
  resumed = 0

  constructor(options: CrowdOptions) {
    this.#options = options
  }

  /** @param calls - after so many calls the crowd stops by itself. @default no limit */
  start(calls = Infinity): void {
    this.#left = calls
    this.#running = Promise.all(Array.from({ length: this.#options.lanes }, (_, lane) => this.#live(lane)))
  }

  /** Lets the calls in progress end; resolves when every client has disconnected. */
  async pause(): Promise<void> {
    this.#left = 0
    await this.#running
  }

  /** Resolves when all calls of a limited crowd are over. */
  async finished(): Promise<void> {
    await this.#running
  }

  async #live(lane: number): Promise<void> {
    const names = ['a', 'b', 'c'].map((name) => `${name}-${lane}`)
    const members = await Promise.all(names.map(async (id) => ({ id, token: await this.#options.token(id) })))
    while (this.#left > 0) {
      this.#left -= 1
      this.calls += 1
      const call = new Call(this, this.#options, members)
      if (this.#options.random() < 0.7) await call.betweenTwo()
      else await call.inGroup()
      const { faults, received, resumed } = await call.hangUp()
      this.faults.push(...faults)
      this.received += received
      this.resumed += resumed
    }
  }
}

/** One room and its clients. */
class Call {
  readonly #crowd: Crowd
  readonly #options: CrowdOptions
  readonly #members: readonly Member[]
  readonly #streams: Subscriber[] = []
  #roomId: string | undefined

  constructor(crowd: Crowd, options: CrowdOptions, members: readonly Member[]) {
    this.#crowd = crowd
    this.#options = options
    this.#members = members
  }

  async betweenTwo(): Promise<void> {
    const [caller, callee] = this.#members
    if (!caller || !callee) return
    const key = { 'idempotency-key': `${caller.id}-${this.#crowd.calls}` }
    await this.#create(caller, { type: 'p2p', calleeId: callee.id }, key)
    if (this.#happens(0.1)) await this.#create(caller, { type: 'p2p', calleeId: callee.id }, key)
    const stream = this.#follow(caller)
    await this.#pause()
    if (this.#happens(0.1)) return this.#rest(caller, '/leave')
    if (this.#happens(0.15)) return this.#rest(callee, '/reject', { reason: this.#happens(0.5) ? 'busy' : 'declined' })
    if (this.#happens(0.15)) return this.#ended(stream)
    await this.#join(callee)
    const answer = this.#follow(callee)
    await this.#join(caller)
    await this.#talk([caller, callee], [stream, answer])
    if (this.#happens(0.2)) {
      // The callee's device dies: the call ends after the grace.
      await answer?.stop()
      await this.#ended(stream)
    } else await this.#rest(this.#happens(0.5) ? caller : callee, this.#happens(0.5) ? '/leave' : '/end')
  }

  async inGroup(): Promise<void> {
    const [host, ...others] = this.#members
    if (!host) return
    await this.#create(host, { type: 'group', participantIds: others.map(({ id }) => id) })
    await this.#join(host)
    const streams = [this.#follow(host)]
    for (const member of others) {
      await this.#join(member)
      streams.push(this.#follow(member))
    }
    await this.#talk(this.#members, streams)
    if (this.#happens(0.3)) await this.#rest(host, `/participants/${others[0]?.id}`, undefined, 'DELETE')
    if (this.#happens(0.5)) return this.#rest(host, '/end')
    for (const member of this.#members) await this.#rest(member, '/leave')
    await this.#ended(streams[0])
  }

  /** Ends what is left of the call, and disconnects its clients. */
  async hangUp(): Promise<{ faults: readonly string[]; received: number; resumed: number }> {
    const [host] = this.#members
    // A participant without a stream would stay: the end is repeated until a node has executed it.
    for (let ended = !host || this.#roomId === undefined; !ended;) {
      // A refusal is an answer, too: the host has left, and the room ends by its deadline.
      const answer = await this.#send(host, `/im/api/v1/rtc/rooms/${this.#roomId}/end`, {})
      ended = answer !== undefined && answer.status < 500
      if (!ended) await delay(200)
    }
    await Promise.all(this.#streams.map((stream) => stream.stop()))
    return {
      faults: this.#streams.flatMap(({ faults }) => faults),
      received: this.#streams.reduce((sum, { received }) => sum + received, 0),
      resumed: this.#streams.reduce((sum, { resumed }) => sum + resumed, 0),
    }
  }

  /** Members mute and unmute; some lose their connection and resume. */
  async #talk(members: readonly Member[], streams: readonly (Subscriber | undefined)[]): Promise<void> {
    const turns = 2 + Math.floor(this.#options.random() * 6)
    for (let turn = 0; turn < turns; turn += 1) {
      await this.#pause()
      const member = members[Math.floor(this.#options.random() * members.length)]
      if (member) {
        const input = { roomId: this.#roomId, audio: this.#happens(0.5) }
        await this.#send(member, '/graphql', { body: { query: TOGGLE, variables: { input } } })
      }
      if (this.#happens(0.3)) streams[Math.floor(this.#options.random() * streams.length)]?.cut()
    }
  }

  async #create(member: Member, body: object, headers: Record<string, string> = {}): Promise<void> {
    const created = await this.#send(member, '/im/api/v1/rtc/rooms', { body, headers })
    if (created?.status === 200 || created?.status === 201) this.#roomId = (created.body as { id: string }).id
  }

  #join = (member: Member) => this.#rest(member, '/join', {})

  #follow({ id: userId, token }: Member): Subscriber | undefined {
    if (this.#roomId === undefined) return undefined
    const stream = new Subscriber({ roomId: this.#roomId, userId, token, urls: () => this.#options.urls() }).start()
    this.#streams.push(stream)
    return stream
  }

  /** Waits until the stream says that the room has ended, at most for some seconds. */
  async #ended(stream: Subscriber | undefined): Promise<void> {
    if (!stream) return
    for (let waited = 0; waited < 8_000 && !stream.ended; waited += 50) await delay(50)
  }

  async #rest(member: Member, path: string, body?: object, method = 'POST'): Promise<void> {
    if (this.#roomId === undefined) return
    await this.#send(member, `/im/api/v1/rtc/rooms/${this.#roomId}${path}`, { body, method })
  }

  /** Undefined without an answer. */
  async #send(
    member: Member | undefined,
    path: string,
    {
      body,
      headers,
      method = 'POST',
    }: { body?: object | undefined; headers?: Record<string, string>; method?: string },
  ): Promise<{ readonly status: number; readonly body: unknown } | undefined> {
    const urls = this.#options.urls()
    const url = urls[Math.floor(this.#options.random() * urls.length)] ?? ''
    let status = 'none'
    try {
      const response = await fetch(url + path, {
        method,
        headers: { authorization: `Bearer ${member?.token}`, 'content-type': 'application/json', ...headers },
        ...(body && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(REQUEST_TIMEOUT),
      })
      const answer: unknown = await response.json()
      status = String(response.status)
      return { status: response.status, body: answer }
    } catch {
      // The node is gone or the request timed out.
      return undefined
    } finally {
      const { responses } = this.#crowd
      responses.set(status, (responses.get(status) ?? 0) + 1)
    }
  }

  #happens = (probability: number) => this.#options.random() < probability
  #pause = () => delay(this.#options.pace * this.#options.random())
}
