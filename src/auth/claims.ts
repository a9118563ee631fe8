import type { JWTPayload } from 'jose'
import { type Actor, isUserId, USER_ID_MAX } from '../core/actor.ts'
import { TokenRefused } from './refusal.ts'

/**
 * Creates the actor from verified claims.
 *
 * @param userClaim the claim that contains the user's id
 * @throws RtcError UNAUTHENTICATED if that claim is not a valid user id
 */
export function actorOf(claims: JWTPayload, userClaim: string): Actor {
  const id = claims[userClaim]
  if (!isUserId(id)) {
    const rule = `must be a string of 1 to ${USER_ID_MAX} characters without control characters`
    throw new TokenRefused('user_invalid', `The claim "${userClaim}" of the token ${rule}`)
  }
  const scopes = sharedSet([...scopesIn(claims['scope']), ...scopesIn(claims['scp'])])
  return claims.exp === undefined ? { id, scopes } : { id, scopes, expiresAt: dateOf(claims.exp) }
}

/**
 * `scope` is a space-separated string (https://www.rfc-editor.org/rfc/rfc8693#section-4.2); some issuers send a list in
 * `scp`. Values of other types grant nothing.
 */
function scopesIn(claim: unknown): string[] {
  const parts: unknown[] = Array.isArray(claim) ? claim : [claim]
  return parts.filter((part) => typeof part === 'string').flatMap((part) => part.split(' ').filter(Boolean))
}

/** Maximum number of sets that are shared. */
const SETS_MAX = 64
const sets = new Map<string, ReadonlySet<string>>()

/** A set of these scopes; tokens with the same scopes share it, since there is one for each connected user. */
function sharedSet(scopes: readonly string[]): ReadonlySet<string> {
  const key = scopes.join(' ')
  const known = sets.get(key)
  if (known) return known
  const set = new Set(scopes)
  if (sets.size < SETS_MAX) sets.set(key, set)
  return set
}

/** RFC 3339 timestamps have four-digit years: https://www.rfc-editor.org/rfc/rfc3339#section-5.6 */
const LAST_SECOND = Date.UTC(9999, 11, 31, 23, 59, 59) / 1000

/** Clamps the expiry to the last valid timestamp: some issuers use a huge number for "never", or milliseconds. */
const dateOf = (seconds: number): Date => new Date(Math.min(seconds, LAST_SECOND) * 1000)
