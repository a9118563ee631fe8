import type { Actor } from '../core/actor.ts'
import { noObserver, type Observer, type RequestContext } from '../core/observer.ts'
import { TokenRefused } from './refusal.ts'
import type { Verify } from './verify.ts'

/**
 * Authenticates the value of an `Authorization` header or of the connection parameter of that name.
 *
 * @param context - becomes part of the actor
 * @throws RtcError like {@link Verify}, and UNAUTHENTICATED if there is no bearer token
 */
export type Authenticate = (authorization: string | null | undefined, context?: RequestContext) => Promise<Actor>

/** `Bearer <token>` with a case-insensitive scheme: https://www.rfc-editor.org/rfc/rfc6750#section-2.1 */
const BEARER = /^bearer +(\S+) *$/i

/** Creates the authentication that REST, GraphQL over HTTP and GraphQL over WebSocket share. */
export function createAuthenticate(verify: Verify, observer: Observer = noObserver): Authenticate {
  const authenticate = async (authorization: string | null | undefined): Promise<Actor> => {
    if (!authorization) throw new TokenRefused('missing', 'A token is required: Authorization: Bearer <token>')
    const token = BEARER.exec(authorization)?.[1]
    if (token === undefined) throw malformed()
    return verify(token)
  }
  return async (authorization, context) => {
    try {
      const actor = await authenticate(authorization)
      // The actor of a cached token is shared by requests.
      return context ? { ...actor, context } : actor
    } catch (error) {
      reportRefusal(observer, error, context)
      throw error
    }
  }
}

/** Reports the error if it is the refusal of a token. */
export function reportRefusal(observer: Observer, error: unknown, context: RequestContext | undefined): void {
  if (error instanceof TokenRefused) observer.tokenRefused?.({ context, reason: error.reason })
}

/**
 * Reads the authorization from the parameters of a `connection_init` message: the key `authorization`, case-insensitive,
 * at the top level or under `headers`, where some clients put it.
 *
 * @throws RtcError UNAUTHENTICATED if it is present but not a string
 */
export function authorizationOf(connectionParams: unknown): string | undefined {
  const value = entry(connectionParams, 'authorization') ?? entry(entry(connectionParams, 'headers'), 'authorization')
  if (value === undefined || typeof value === 'string') return value
  throw malformed()
}

const malformed = () => new TokenRefused('missing', 'The authorization must have the form: Bearer <token>')

/** The value of a case-insensitive key. `null` counts as absent, because clients without a token send it. */
function entry(record: unknown, name: string): unknown {
  if (typeof record !== 'object' || record === null) return undefined
  return Object.entries(record).find(([key, value]) => key.toLowerCase() === name && value !== null)?.[1]
}
