import { randomUUID } from 'node:crypto'
import { ERRORS, RtcError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import type { HttpReply } from '../http/message.ts'

/** Problem details for an error: https://www.rfc-editor.org/rfc/rfc9457. What nobody foresaw is logged and masked. */
export function problemReply(error: unknown, { instance, log }: { instance: string; log: Log }): HttpReply {
  const known = error instanceof RtcError ? error : masked(error, log)
  const { code, message, problems, retryAfter } = known
  const { status, title } = ERRORS[code]
  return {
    status,
    headers: {
      'Content-Type': 'application/problem+json; charset=utf-8',
      'Cache-Control': 'no-store',
      ...(code === 'UNAUTHENTICATED' && { 'WWW-Authenticate': 'Bearer' }),
      ...(retryAfter !== undefined && { 'Retry-After': String(retryAfter) }),
    },
    body: JSON.stringify({
      type: `urn:rtc:error:${code}`,
      title,
      status,
      detail: message,
      code,
      instance,
      ...(problems.length > 0 && { errors: problems }),
    }),
  }
}

function masked(error: unknown, log: Log): RtcError {
  const id = randomUUID()
  log.error({ err: error, id }, 'unexpected error')
  return new RtcError('INTERNAL', `Internal error ${id}`)
}
