import type { Actor } from '../core/actor.ts'
import { RtcError } from '../core/errors.ts'
import type { Verify } from './verify.ts'

/**
 * Who is asking, from the value of an `Authorization` header or of the connection parameter of that name.
 *
 * @throws RtcError as {@link Verify}, and UNAUTHENTICATED when no bearer token is there
 */
export type Authenticate = (authorization: string | null | undefined) => Promise<Actor>

/** `Bearer <token>`, the scheme in any case: https://www.rfc-editor.org/rfc/rfc6750#section-2.1 */
const BEARER = /^bearer +(\S+) *$/i

/** Makes the one path that REST, GraphQL over HTTP and GraphQL over WebSocket authenticate by. */
export function createAuthenticate(verify: Verify): Authenticate {
  return async (authorization) => {
    if (!authorization) throw new RtcError('UNAUTHENTICATED', 'A token is needed: Authorization: Bearer <token>')
    const token = BEARER.exec(authorization)?.[1]
    if (token === undefined) throw malformed()
    return verify(token)
  }
}

/**
 * The authorization among the parameters of a `connection_init` message: the key `authorization` in any capitalisation,
 * at the top or under `headers`, where some clients put it.
 *
 * @throws RtcError UNAUTHENTICATED when it is there and not a string
 */
export function authorizationOf(connectionParams: unknown): string | undefined {
  const value = entry(connectionParams, 'authorization') ?? entry(entry(connectionParams, 'headers'), 'authorization')
  if (value === undefined || typeof value === 'string') return value
  throw malformed()
}

const malformed = () => new RtcError('UNAUTHENTICATED', 'The authorization must have the form: Bearer <token>')

/** An entry by its name in lower case. `null` counts as absent: clients without a token send it. */
function entry(record: unknown, name: string): unknown {
  if (typeof record !== 'object' || record === null) return undefined
  return Object.entries(record).find(([key, value]) => key.toLowerCase() === name && value !== null)?.[1]
}
