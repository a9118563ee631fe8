import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import type { RtcEventName, RtcEvents } from '../../src/sdk/events.ts'
import { type AuthOptions, type ImOptions, OpenChatClient } from '../../src/sdk/index.ts'
import { startWorld, type WorldOptions } from '../world.ts'

export type ClientWorld = Awaited<ReturnType<typeof startClientWorld>>

/** A gateway and SDK clients, disposed of after the test. */
export async function startClientWorld(options: WorldOptions = {}) {
  const world = await startWorld(options)
  const clients: OpenChatClient[] = []
  const lines: Line[] = []
  onTestFinished(async () => {
    // Over the lines, unless the test has cut them.
    await Promise.all(clients.map((client) => client.destroy()))
    await world.close()
    await Promise.all(lines.map((line) => line.close()))
  })
  return {
    ...world,
    /** Creates a user's client, at another address if one is given. */
    async client(
      uid: string,
      { url = world.url, im, ...auth }: { url?: string; im?: ImOptions } & Partial<AuthOptions> = {},
    ) {
      const token = await world.token(uid)
      const client = new OpenChatClient({ server: { baseUrl: url }, auth: { uid, token, ...auth }, ...(im && { im }) })
      clients.push(client)
      return client
    },
    /** A TCP proxy to the gateway that can be cut. */
    async line(): Promise<Line> {
      const line = await openLine(Number(new URL(world.url).port))
      lines.push(line)
      return line
    },
  }
}

/** The events of one name that a client emits. */
export interface Heard<Event> {
  /** Events not taken yet. */
  readonly waiting: Event[]
  /** Takes the next event; waits for it if need be. */
  next(): Promise<Event>
  /** Takes events until one matches. */
  until(fits: (event: Event) => boolean): Promise<Event>
}

export function listen<Name extends RtcEventName>(client: OpenChatClient, name: Name): Heard<RtcEvents[Name]> {
  const waiting: RtcEvents[Name][] = []
  let wake = () => {}
  client.rtc.on(name, (event) => {
    waiting.push(event)
    wake()
  })
  const heard: Heard<RtcEvents[Name]> = {
    waiting,
    async next() {
      while (waiting.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      return waiting.shift() as RtcEvents[Name]
    },
    async until(fits) {
      for (;;) {
        const event = await heard.next()
        if (fits(event)) return event
      }
    },
  }
  return heard
}

export interface Line {
  readonly url: string
  /** Resets every connection, and new ones while it is down. */
  down(): void
  up(): void
  close(): Promise<void>
}

async function openLine(port: number): Promise<Line> {
  const open = new Set<Socket>()
  let isDown = false
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        open.delete(socket)
        other.destroy()
      })
    }
    if (isDown) near.destroy()
    near.pipe(far).pipe(near)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = () => {
    for (const socket of open) socket.destroy()
  }
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    down() {
      isDown = true
      cut()
    },
    up() {
      isDown = false
    },
    async close() {
      cut()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
