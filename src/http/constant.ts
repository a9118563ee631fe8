import { createHash } from 'node:crypto'
import type { HttpReply } from './message.ts'

/** A response with constant JSON, serialised once and shared by all requests. */
export function constantJson(value: unknown): HttpReply {
  const body = Buffer.from(JSON.stringify(value))
  return {
    status: 200,
    headers: {
      'Content-Type': 'application/json; charset=utf-8',
      'Cache-Control': 'no-cache',
      ETag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 16)}"`,
    },
    body,
  }
}
