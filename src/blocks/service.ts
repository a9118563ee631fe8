import type { Actor } from '../core/actor.ts'
import type { Clock } from '../core/clock.ts'
import { badInput, RtcError } from '../core/errors.ts'
import type { Rates } from '../limits/rates.ts'
import type { BlockedUser, BlockStore } from './store.ts'

/** Maximum number of users that one user may block. */
const BLOCKED_MAX = 1000

/**
 * The users whose calls shall not ring for a user. Calls and invitations of a blocked user are created normally and appear
 * to them as ringing until missed, but do not ring on any device of the blocking user. Calls that are already ringing are
 * not affected.
 */
export interface BlockService {
  /**
   * Idempotent.
   *
   * @throws RtcError BAD_USER_INPUT if the user is the actor; CONFLICT if 1000 users are blocked
   */
  block(actor: Actor, userId: string): Promise<BlockedUser>
  /** Idempotent. */
  unblock(actor: Actor, userId: string): Promise<void>
  list(actor: Actor): Promise<readonly BlockedUser[]>
}

export function createBlockService(dependencies: {
  readonly store: BlockStore
  readonly rates: Rates
  readonly clock: Clock
}): BlockService {
  const { store, rates, clock } = dependencies
  return {
    async block(actor, userId) {
      rates.count(actor, 'command')
      if (userId === actor.id) throw badInput([{ path: 'userId', message: 'must be another user' }])
      const blocked = await store.put(actor.id, userId, { at: clock.now(), max: BLOCKED_MAX })
      if (!blocked) throw new RtcError('CONFLICT', `At most ${BLOCKED_MAX} users can be blocked.`)
      return blocked
    },

    async unblock(actor, userId) {
      rates.count(actor, 'command')
      await store.delete(actor.id, userId)
    },

    async list(actor) {
      rates.count(actor, 'command')
      return store.list(actor.id)
    },
  }
}
