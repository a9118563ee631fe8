import { RtcError, shorten } from '../core/errors.ts'

/** A path that exists was asked with a method that it does not have: 405 with `Allow`, whatever its code's own status. */
export class MethodNotAllowed extends RtcError {
  /** The methods that there are. */
  readonly allow: readonly string[]

  constructor(method: string, allow: readonly string[]) {
    const methods = [...new Set(allow.flatMap((name) => (name === 'GET' ? ['GET', 'HEAD'] : [name])))]
    super('BAD_USER_INPUT', `The method is ${shorten(method, 20)}; this path has ${methods.join(', ')}.`)
    this.allow = methods
  }

  override get status(): number {
    return 405
  }
}

/** Headers that say how to do better after an error. */
export function errorHeaders(error: RtcError): Record<string, string> {
  return {
    'Cache-Control': 'no-store',
    ...(error.code === 'UNAUTHENTICATED' && { 'WWW-Authenticate': 'Bearer' }),
    ...(error.retryAfter !== undefined && { 'Retry-After': String(error.retryAfter) }),
    ...(error instanceof MethodNotAllowed && { Allow: error.allow.join(', ') }),
  }
}
