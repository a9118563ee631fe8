import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** A TCP connection to the gateway, for tests below the level of an HTTP client. */
export interface Raw {
  readonly socket: Socket
  write(text: string): void
  /** Everything received so far. */
  text(): string
  /** Resolves with everything received when it satisfies `matches`; rejects if the connection closes first. */
  until(matches: (text: string) => boolean): Promise<string>
  /** Resolves with everything received when the gateway has closed the connection. */
  readonly closed: Promise<string>
}

/** @param read - false for a peer that reads nothing until `socket.resume()` */
export async function openRaw(
  url: string,
  { read = true, from }: { read?: boolean; from?: string } = {},
): Promise<Raw> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port), ...(from && { localAddress: from }) })
  let text = ''
  let check = () => {}
  const closed = new Promise<string>((resolve) => {
    socket.once('close', () => {
      resolve(text)
      check()
    })
  })
  // Many tests expect the gateway to reset the connection.
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
    check()
  })
  if (!read) socket.pause()
  await Promise.race([once(socket, 'connect'), closed])
  return {
    socket,
    write: (more) => void socket.write(more),
    text: () => text,
    until: (matches) =>
      new Promise((resolve, reject) => {
        check = () => {
          if (matches(text)) resolve(text)
          else if (socket.closed) reject(new Error(`closed after ${text.length} bytes: ${text.slice(0, 300)}`))
        }
        check()
      }),
    closed,
  }
}

/** The text of a request. */
export function request(method: string, path: string, headers: Record<string, string> = {}, body = ''): string {
  const lines = { Host: 'gateway', ...(body && { 'Content-Length': String(Buffer.byteLength(body)) }), ...headers }
  const head = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${method} ${path} HTTP/1.1\r\n${head.join('')}\r\n${body}`
}

/** The number of responses whose heads were received. */
export const responses = (text: string): number => text.match(/HTTP\/1\.1 \d{3} /g)?.length ?? 0

/** The status of each response. */
export const statuses = (text: string): number[] =>
  [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))

/** Headers of a WebSocket upgrade. */
export const UPGRADE = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Protocol': 'graphql-transport-ws',
}
