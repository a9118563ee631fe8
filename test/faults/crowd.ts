import { setTimeout as delay } from 'node:timers/promises'
import WebSocket from 'ws'
import { openPeer, type Peer, subscribe } from '../peer.ts'

const UPDATES = `subscription ($roomId: ID!, $after: Int) { roomUpdated(roomId: $roomId, after: $after) {
  seq type room { seq status participants { userId state audio connected } } } }`
const TOGGLE = `mutation ($input: UpdateParticipantInput!) { updateParticipant(input: $input) { room { seq } } }`

interface Place {
  readonly roomId: string
  readonly userId: string
  readonly token: string
  /** The gateways as they are at the moment. */
  urls(): readonly string[]
}

/** The room as a reader has last seen it. */
export interface View {
  readonly seq: number
  readonly participants: readonly { userId: string; state: string; audio: boolean; connected: boolean }[]
}

/** Reads a room's stream for as long as it lives: whenever the socket is gone, it comes back with its cursor. */
export class Reader {
  readonly #place: Place
  #peer: Peer | undefined
  #stopped = false
  #running: Promise<void> | undefined
  /** What was wrong with the sequence, in words. */
  readonly faults: string[] = []
  cursor: number | undefined
  view: View | undefined
  received = 0
  /** How often the stream was resumed. */
  resumed = 0

  constructor(place: Place) {
    this.#place = place
  }

  start(): this {
    this.#running = this.#run()
    return this
  }

  /** Drops the connection without a word. */
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
        // Whatever it was: come back.
      }
      this.#peer?.socket.terminate()
      if (!this.#stopped) await delay(20 + Math.random() * 80)
    }
  }

  async #read(): Promise<void> {
    const { roomId, token, urls } = this.#place
    const list = urls()
    const peer = await openPeer(list[Math.floor(Math.random() * list.length)] ?? '', { token })
    this.#peer = peer
    peer.send(subscribe('1', UPDATES, { roomId, ...(this.cursor !== undefined && { after: this.cursor }) }))
    if (this.cursor !== undefined) this.resumed += 1
    for (;;) {
      const { type, payload } = await peer.receive()
      if (type !== 'next' || !payload.data) return
      this.#take(payload.data.roomUpdated)
    }
  }

  #take({ seq, type, room }: { seq: number; type: string; room: View }): void {
    this.received += 1
    const expected = this.cursor === undefined ? seq : this.cursor + 1
    if (seq !== expected) this.faults.push(`got ${seq} (${type}) behind ${this.cursor}`)
    if (room.seq !== seq) this.faults.push(`update ${seq} shows the room at ${room.seq}`)
    this.cursor = seq
    this.view = room
  }
}

/** Mutes and unmutes, over and over; remembers what was acknowledged and what was refused. */
export class Writer {
  readonly #place: Place
  #stopped = false
  #running: Promise<void> | undefined
  readonly acknowledged: number[] = []
  /** Codes of refusals, with how long each took in milliseconds. */
  readonly refusals: { readonly code: string; readonly took: number }[] = []

  constructor(place: Place) {
    this.#place = place
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
    const { roomId, token, urls } = this.#place
    // Where an answer is missing nobody knows what was done: the command may be done already, and then it writes nothing.
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
