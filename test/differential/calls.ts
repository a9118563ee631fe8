import { setTimeout as delay } from 'node:timers/promises'
import { Subscriber, type Update } from '../faults/crowd.ts'

export interface CallsOptions {
  /** The current addresses of the nodes. */
  urls(): readonly string[]
  token(userId: string): Promise<string>
  /** From 0 to 1. */
  random(): number
  /** How many calls go on at the same time, each between users of its own. */
  readonly lanes: number
}

/** The users of a lane: the caller or host, and two others. */
export const membersOf = (lane: number): readonly [string, string, string] => [`a-${lane}`, `b-${lane}`, `c-${lane}`]

/** Milliseconds for one request; afterwards it is repeated at another node. */
const TIMEOUT = 10_000
/** Milliseconds after which a call must be over. */
const END_TIMEOUT = 60_000

/** Random calls and groups, of which the stream of the caller is recorded from the first event on. */
export class RandomCalls {
  readonly #options: CallsOptions
  /** What the stream has told, by room. */
  readonly streams = new Map<string, Update[]>()
  /** Updates that were lost, repeated or out of order. */
  readonly faults: string[] = []
  /** Calls that were made so far. */
  made = 0

  constructor(options: CallsOptions) {
    this.#options = options
  }

  /** Resolves when so many calls are over. */
  async run(calls: number): Promise<void> {
    let left = calls
    const live = async (lane: number): Promise<void> => {
      while (left > 0) {
        left -= 1
        await (this.#happens(0.75) ? this.#callOfTwo(lane) : this.#group(lane))
        this.made += 1
      }
    }
    await Promise.all(Array.from({ length: this.#options.lanes }, (_, lane) => live(lane)))
  }

  /** Resolves when so many calls have been made. */
  async untilMade(calls: number): Promise<void> {
    while (this.made < calls) await delay(50)
  }

  async #callOfTwo(lane: number): Promise<void> {
    const [caller, callee] = membersOf(lane)
    const mediaType = this.#happens(0.5) ? 'audio' : 'video'
    const { roomId, ended } = await this.#create(caller, { type: 'p2p', calleeId: callee, mediaType })
    const act = (userId: string, path: string, body: object = {}) => this.#send(userId, `/rooms/${roomId}${path}`, body)
    const outcome = this.#options.random()
    if (outcome < 0.1) await act(caller, '/leave')
    else if (outcome < 0.2) await act(callee, '/reject', { reason: this.#happens(0.5) ? 'busy' : 'declined' })
    else if (outcome < 0.25) await act(callee, '/end')
    // Nobody answers before the ring ends.
    else if (outcome > 0.35) {
      await act(callee, '/join', { deviceId: 'phone' })
      if (this.#happens(0.9)) await act(caller, '/join', { deviceId: 'phone' })
      if (this.#happens(0.2)) await act(callee, '/join', { deviceId: 'laptop' })
      await delay(this.#options.random() * 1_200)
      await act(this.#happens(0.5) ? caller : callee, this.#happens(0.5) ? '/leave' : '/end')
    }
    await ended()
  }

  async #group(lane: number): Promise<void> {
    const [host, ...members] = membersOf(lane)
    const { roomId, ended } = await this.#create(host, { type: 'group', participantIds: members })
    const act = (userId: string, path: string, method = 'POST') =>
      this.#send(userId, `/rooms/${roomId}${path}`, {}, { method })
    await act(host, '/join')
    for (const member of members) if (this.#happens(0.8)) await act(member, this.#happens(0.3) ? '/reject' : '/join')
    for (const member of members) {
      if (this.#happens(0.2)) await act(host, `/participants/${member}`, 'DELETE')
      else if (this.#happens(0.3)) await act(member, '/leave')
    }
    await act(host, '/end')
    await ended()
  }

  /** Creates a room and records its stream. */
  async #create(userId: string, body: object): Promise<{ roomId: string; ended(): Promise<void> }> {
    const key = `${userId}-${this.streams.size}-${this.#options.random()}`
    const { id: roomId } = (await this.#send(userId, '/rooms', body, { headers: { 'idempotency-key': key } })) as {
      id: string
    }
    const updates: Update[] = []
    this.streams.set(roomId, updates)
    const stream = new Subscriber({
      roomId,
      userId,
      token: await this.#options.token(userId),
      urls: () => this.#options.urls(),
      onUpdate: (update) => void updates.push(update),
    })
    // From the first event on.
    stream.cursor = 0
    stream.start()
    if (this.#happens(0.3)) setTimeout(() => stream.cut(), this.#options.random() * 1_000)
    return {
      roomId,
      ended: async () => {
        const until = performance.now() + END_TIMEOUT
        while (!stream.ended && performance.now() < until) await delay(20)
        await stream.stop()
        this.faults.push(...stream.faults, ...(stream.ended ? [] : [`${roomId} does not end`]))
      },
    }
  }

  /** Repeats the request at random nodes until one has answered. A refusal is an answer: the room may have ended. */
  async #send(
    userId: string,
    path: string,
    body: object,
    { method = 'POST', headers = {} }: { method?: string; headers?: Record<string, string> } = {},
  ): Promise<unknown> {
    for (;;) {
      const urls = this.#options.urls()
      try {
        const response = await fetch(`${urls[Math.floor(this.#options.random() * urls.length)]}/im/api/v1/rtc${path}`, {
          method,
          headers: {
            authorization: `Bearer ${await this.#options.token(userId)}`,
            'content-type': 'application/json',
            ...headers,
          },
          ...(method === 'POST' && { body: JSON.stringify(body) }),
          signal: AbortSignal.timeout(TIMEOUT),
        })
        const answer: unknown = await response.json()
        if (response.status < 500) return answer
      } catch {
        // The node is gone.
      }
      await delay(100)
    }
  }

  #happens = (probability: number): boolean => this.#options.random() < probability
}
