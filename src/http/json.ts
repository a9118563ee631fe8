import { isUtf8 } from 'node:buffer'
import type { IncomingHttpHeaders } from 'node:http'
import { badInput, RtcError } from '../core/errors.ts'
import { readJson } from '../core/json.ts'

const JSON_TYPE = /^application\/(json|[\w.+-]+\+json)\s*(;|$)/i

/** @throws RtcError UNSUPPORTED_MEDIA_TYPE */
export function requireJson(headers: IncomingHttpHeaders): void {
  if (JSON_TYPE.test(headers['content-type'] ?? '')) return
  throw new RtcError('UNSUPPORTED_MEDIA_TYPE', 'The body must be JSON: Content-Type: application/json')
}

/**
 * Parses a body; see {@link readJson}.
 *
 * @throws RtcError BAD_USER_INPUT if the bytes are not JSON in UTF-8
 */
export function parseJson(body: Buffer, options?: Parameters<typeof readJson>[1]): unknown {
  return readJson(decode(body), options)
}

function decode(body: Buffer): string {
  // Costs a fraction of a TextDecoder that is `fatal`.
  if (!isUtf8(body)) throw badInput([{ path: '', message: 'The body is not valid UTF-8' }])
  const text = body.toString()
  return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text
}

const BYTE_ORDER_MARK = '\uFEFF'

/** Whether a client requests JSON instead of an event stream. */
export const prefersJson = (accept = ''): boolean =>
  /\bapplication\/json\b/i.test(accept) && !/\btext\/event-stream\b/i.test(accept)
