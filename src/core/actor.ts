import { isStorable } from './storable.ts'

/** Who is asking, as their token says. */
export interface Actor {
  /** The user: 1–128 characters. */
  readonly id: string
  readonly scopes: ReadonlySet<string>
  /** When the token stops being valid; absent for a token without `exp`. */
  readonly expiresAt?: Date
}

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
