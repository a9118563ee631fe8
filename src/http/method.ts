import { RtcError, shorten } from '../core/errors.ts'

/** The path exists but not the method: 405 with `Allow`, instead of the status of the code BAD_USER_INPUT. */
export class MethodNotAllowed extends RtcError {
  /** The methods of the path. */
  readonly allow: readonly string[]

  constructor(method: string, allow: readonly string[]) {
    const methods = [...new Set(allow.flatMap((name) => (name === 'GET' ? ['GET', 'HEAD'] : [name])))]
    super('BAD_USER_INPUT', `${shorten(method, 20)} is not allowed; this path supports ${methods.join(', ')}.`)
    this.allow = methods
  }

  override get status(): number {
    return 405
  }
}

/** Headers that tell the client how to recover from an error. */
export function errorHeaders(error: RtcError): Record<string, string> {
  return {
    'Cache-Control': 'no-store',
    ...(error.code === 'UNAUTHENTICATED' && { 'WWW-Authenticate': 'Bearer' }),
    ...(error.retryAfter !== undefined && { 'Retry-After': String(error.retryAfter) }),
    ...(error instanceof MethodNotAllowed && { Allow: error.allow.join(', ') }),
  }
}
