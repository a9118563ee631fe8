import type { RequestContext } from './observer.ts'
import { isStorable } from './storable.ts'

/** The authenticated user of a request, as stated by the token. */
export interface Actor {
  /** The user: 1–128 characters. */
  readonly id: string
  readonly scopes: ReadonlySet<string>
  /** The token's `exp`; absent if the token has none. The token is accepted until {@link acceptedUntil}. */
  readonly expiresAt?: Date
  /** The request in which the user acts, for logs and traces. */
  readonly context?: RequestContext
}

/** Allowed clock skew between issuer and gateway, in seconds: https://www.rfc-editor.org/rfc/rfc7519#section-4.1.4 */
export const CLOCK_TOLERANCE = 5

/** The time until which the actor's token is accepted. From then on requests are refused and streams are closed. */
export const acceptedUntil = ({ expiresAt }: Actor): Date | undefined =>
  expiresAt && new Date(expiresAt.getTime() + CLOCK_TOLERANCE * 1000)

/** Allows an application to act on every room and to create rooms on behalf of any user. */
export const ADMIN_SCOPE = 'rtc:admin'

export const isAdmin = (actor: Actor): boolean => actor.scopes.has(ADMIN_SCOPE)

/** Maximum length of a user id, in code points. */
export const USER_ID_MAX = 128

/**
 * Whether a value is a valid user id: no control characters, and within the length. Length is counted in code points, as
 * PostgreSQL does.
 */
export function isUserId(value: unknown): value is string {
  if (typeof value !== 'string' || !isStorable(value) || /\p{Cc}/u.test(value)) return false
  const { length } = Array.from(value)
  return length >= 1 && length <= USER_ID_MAX
}
