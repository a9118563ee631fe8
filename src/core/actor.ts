import { isStorable } from './storable.ts'

/** Who is asking, as their token says. */
export interface Actor {
  /** The user: 1–128 characters. */
  readonly id: string
  readonly scopes: ReadonlySet<string>
  /** The token's `exp`, absent for a token without; it is accepted until {@link acceptedUntil}. */
  readonly expiresAt?: Date
}

/** Seconds by which the clocks of issuer and gateway may differ: https://www.rfc-editor.org/rfc/rfc7519#section-4.1.4 */
export const CLOCK_TOLERANCE = 5

/** Until when every door accepts the actor's token: a request is refused then, a socket or stream closed. */
export const acceptedUntil = ({ expiresAt }: Actor): Date | undefined =>
  expiresAt && new Date(expiresAt.getTime() + CLOCK_TOLERANCE * 1000)

/** May act on every room and create rooms in another user's name. */
export const ADMIN_SCOPE = 'rtc:admin'

export const isAdmin = (actor: Actor): boolean => actor.scopes.has(ADMIN_SCOPE)

/** Length of a user's id in characters. */
export const USER_ID_MAX = 128

/** Whether a value can be the id of a user: no control characters; characters are code points, as PostgreSQL counts them. */
export function isUserId(value: unknown): value is string {
  if (typeof value !== 'string' || !isStorable(value) || /\p{Cc}/u.test(value)) return false
  const { length } = Array.from(value)
  return length >= 1 && length <= USER_ID_MAX
}
