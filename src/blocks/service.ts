import type { Actor } from '../core/actor.ts'
import type { Clock } from '../core/clock.ts'
import { badInput, RtcError } from '../core/errors.ts'
import type { Rates } from '../limits/rates.ts'
import type { BlockedUser, BlockStore } from './store.ts'

/** Users whom one user may have blocked. */
const BLOCKED_MAX = 1000

/**
 * Whom a user does not want to be rung by. A call or invitation from somebody blocked is made as any other and is shown to
 * its caller as ringing until it is missed; but it rings on no device of the one who blocked. What rings already goes on.
 */
export interface BlockService {
  /**
   * Idempotent.
   *
   * @throws RtcError BAD_USER_INPUT for oneself, CONFLICT when 1000 are blocked
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
      if (userId === actor.id) throw badInput([{ path: 'userId', message: 'must be somebody else' }])
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
