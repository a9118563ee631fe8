import { setTimeout as delay } from 'node:timers/promises'
import WebSocket from 'ws'
import { openPeer, type Peer, subscribe } from '../peer.ts'

const UPDATES = `subscription ($roomId: ID!, $after: Int) { roomUpdated(roomId: $roomId, after: $after) {
  seq type at actorId participant { userId state }
  room { seq status endReason participants { userId state audio connected } } } }`
const TOGGLE = `mutation ($input: UpdateParticipantInput!) { updateParticipant(input: $input) { room { seq } } }`

interface ClientOptions {
  readonly roomId: string
  readonly userId: string
  readonly token: string
  /** The current addresses of the gateways. */
  urls(): readonly string[]
  /** Receives every update. */
  onUpdate?(update: Update): void
}

/** An update as it was received. */
export interface Update {
  readonly seq: number
  readonly type: string
  readonly at: string
  readonly actorId: string | null
  readonly participant: { readonly userId: string; readonly state: string } | null
  readonly room: View & { readonly status: string; readonly endReason: string | null }
}

/** The room as of the last update that a subscriber received. */
export interface View {
  readonly seq: number
  readonly participants: readonly { userId: string; state: string; audio: boolean; connected: boolean }[]
}

/** Subscribes to a room. After a lost connection it reconnects and resumes from its cursor. */
export class Subscriber {
  readonly #options: ClientOptions
  #peer: Peer | undefined
  #stopped = false
  #running: Promise<void> | undefined
  /** Descriptions of the errors in the sequence of updates. */
  readonly faults: string[] = []
  cursor: number | undefined
  view: View | undefined
  received = 0
  /** Number of resumptions. */
  resumed = 0
  /** The last update said that the room has ended. */
  ended = false

  constructor(options: ClientOptions) {
    this.#options = options
  }

  start(): this {
    this.#running = this.#run()
    return this
  }

  /** Drops the connection without a close frame. */
  cut(): void {
    this.#peer?.socket.terminate()
  }

  get isConnected(): boolean {
    return this.#peer?.socket.readyState === WebSocket.OPEN
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.cut()
    await this.#running
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      try {
        await this.#read()
      } catch {
        // Reconnect after any failure.
      }
      this.#peer?.socket.terminate()
      if (!this.#stopped) await delay(20 + Math.random() * 80)
    }
  }

  async #read(): Promise<void> {
    const { roomId, token, urls } = this.#options
    const list = urls()
    const peer = await openPeer(list[Math.floor(Math.random() * list.length)] ?? '', { token })
    this.#peer = peer
    // Stopped while it connected.
    if (this.#stopped) return
    peer.send(subscribe('1', UPDATES, { roomId, ...(this.cursor !== undefined && { after: this.cursor }) }))
    if (this.cursor !== undefined) this.resumed += 1
    for (;;) {
      const { type, payload } = await peer.receive()
      if (type !== 'next' || !payload.data) return
      this.#take(payload.data.roomUpdated)
    }
  }

  #take(update: Update): void {
    const { seq, type, room } = update
    this.received += 1
    this.#options.onUpdate?.(update)
    const expected = this.cursor === undefined ? seq : this.cursor + 1
    if (seq !== expected) this.faults.push(`got ${seq} (${type}) after ${this.cursor}`)
    if (room.seq !== seq) this.faults.push(`update ${seq} contains the room as of ${room.seq}`)
    this.cursor = seq
    this.view = room
    this.ended = type === 'ROOM_ENDED'
  }
}

/** Unmutes a participant; resolves to the room's seq after it, and rejects without an answer. */
export async function unmute({ roomId, url, token }: { roomId: string; url: string; token: string }): Promise<number> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query: TOGGLE, variables: { input: { roomId, audio: true } } }),
  })
  const { data } = (await response.json()) as { data: { updateParticipant: { room: { seq: number } } } }
  return data.updateParticipant.room.seq
}

/** Mutes and unmutes repeatedly; records acknowledgements and refusals. */
export class Writer {
  readonly #options: ClientOptions
  #stopped = false
  #running: Promise<void> | undefined
  readonly acknowledged: number[] = []
  /** Codes of refusals, with the duration of each request in milliseconds. */
  readonly refusals: { readonly code: string; readonly took: number }[] = []

  constructor(options: ClientOptions) {
    this.#options = options
  }

  start(): this {
    this.#stopped = false
    this.#running = this.#run()
    return this
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }

  async #run(): Promise<void> {
    const { roomId, token, urls } = this.#options
    // Without a response, the command may have been executed. The next one may then change nothing, so it is not counted.
    let isSure = false
    for (let audio = false; !this.#stopped; audio = !audio) {
      const list = urls()
      const before = performance.now()
      try {
        const response = await fetch(`${list[Math.floor(Math.random() * list.length)]}/graphql`, {
          method: 'POST',
          headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
          body: JSON.stringify({ query: TOGGLE, variables: { input: { roomId, audio } } }),
        })
        const { data, errors } = (await response.json()) as {
          data: { updateParticipant: { room: { seq: number } } } | null
          errors?: { extensions: { code: string } }[]
        }
        if (errors?.[0]) this.refusals.push({ code: errors[0].extensions.code, took: performance.now() - before })
        else if (data && isSure) this.acknowledged.push(data.updateParticipant.room.seq)
        isSure = !errors
      } catch {
        isSure = false
        this.refusals.push({ code: 'no answer', took: performance.now() - before })
      }
      await delay(10)
    }
  }
}
