import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { HttpReply } from './message.ts'

/** Answers an upgrade request with an HTTP response and closes the connection. */
export function refuseUpgrade(stream: Socket, { status, headers = {}, body = '' }: HttpReply): void {
  const text = typeof body === 'function' ? '' : body
  const lines = Object.entries({ ...headers, Connection: 'close', 'Content-Length': String(Buffer.byteLength(text)) })
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  stream.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${head}\r\n`)
  stream.end(text)
  // Do not wait for a peer that never closes its side.
  stream.setTimeout(2_000, () => stream.destroy())
}
