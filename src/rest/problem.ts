import { randomUUID } from 'node:crypto'
import { ERRORS, RtcError, shorten } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { HttpReply } from '../http/message.ts'
import { errorHeaders } from '../http/method.ts'

/** Problem details of an error (https://www.rfc-editor.org/rfc/rfc9457). Unexpected errors are logged with an id and masked. */
export function problemReply(error: unknown, { instance, log }: { instance: string; log: Logger }): HttpReply {
  const known = error instanceof RtcError ? error : masked(error, log)
  const { code, status, message, problems } = known
  const { title } = ERRORS[code]
  return {
    status,
    headers: { 'Content-Type': 'application/problem+json; charset=utf-8', ...errorHeaders(known) },
    body: JSON.stringify({
      type: `urn:rtc:error:${code}`,
      title,
      status,
      detail: message,
      code,
      instance: shorten(instance),
      ...(problems.length > 0 && { errors: problems }),
    }),
  }
}

function masked(error: unknown, log: Logger): RtcError {
  const id = randomUUID()
  log.error({ err: error, id }, 'unexpected error')
  return new RtcError('INTERNAL', `Internal error ${id}`)
}
