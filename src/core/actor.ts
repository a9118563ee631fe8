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

/** Length of a user id in characters. */
export const USER_ID_MAX = 128
