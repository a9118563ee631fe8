import { type Actor, isAdmin } from '../core/actor.ts'
import type { Clock } from '../core/clock.ts'
import { RtcError } from '../core/errors.ts'
import { type Action, ACTIONS, RATES } from './rate-table.ts'
import { type Rate, TokenBuckets } from './token-bucket.ts'

/** What a user has spent, as one node tells the others. */
export interface RateSpending {
  readonly action: Action
  /** The user, or a {@link pairKey}. */
  readonly key: string
  readonly cost: number
}

/**
 * How much of each action every user may do. Every door passes through the services, and the services through here, so
 * that all doors count together.
 */
export interface Rates {
  /**
   * Counts an action of whoever asks. An application, with the scope rtc:admin, acts for many users and is trusted: it is
   * not counted.
   *
   * @throws RtcError RATE_LIMITED with the seconds to wait; nothing is counted then
   */
  count(actor: Actor, action: Action, cost?: number): void
  /**
   * Counts an action for a user, whoever asks.
   *
   * @param key - the user, or a {@link pairKey}
   * @throws RtcError RATE_LIMITED with the seconds to wait; nothing is counted then
   */
  take(action: Action, key: string, cost?: number): void
  /** Counts what has happened already, whether or not the rate would have allowed it. */
  charge(action: Action, key: string, cost: number): void
  /** Counts what another node has granted. */
  grantedElsewhere(spending: RateSpending): void
}

export interface RatesDependencies {
  /** Absent: nothing is limited. */
  readonly rates: Readonly<Record<Action, Rate>> | undefined
  readonly clock: Clock
  /** Tells the other nodes. Must neither throw nor wait. */
  announce(spending: RateSpending): void
}

/** What one user does to one other; ids hold no control characters. */
export const pairKey = (fromId: string, toId: string): string => `${fromId}\n${toId}`

/**
 * Nodes tell each other what a user has spent in portions of this share of the rate's capacity. With n nodes a user gets
 * at most (n - 1) such shares more than the rate allows.
 */
const PORTION = 0.1
/** Users whose next portion is being collected. */
const COLLECTED_MAX = 100_000

const UNLIMITED: Rates = {
  count: () => undefined,
  take: () => undefined,
  charge: () => undefined,
  grantedElsewhere: () => undefined,
}

export function createRates({ rates, clock, announce }: RatesDependencies): Rates {
  if (!rates) return UNLIMITED

  const buckets = new Map(ACTIONS.map((action) => [action, new TokenBuckets(rates[action], { clock })]))
  const portions = new Map(ACTIONS.map((action) => [action, new Portions(rates[action].capacity * PORTION)]))
  const tell = (action: Action, key: string, cost: number): void => {
    const portion = portions.get(action)?.add(key, cost) ?? 0
    if (portion > 0) announce({ action, key, cost: portion })
  }

  const take: Rates['take'] = (action, key, cost = 1) => {
    const retryAfter = buckets.get(action)?.take(key, cost) ?? 0
    if (retryAfter > 0) {
      const message = `Too many ${RATES[action].noun}; try again in ${retryAfter} s.`
      throw new RtcError('RATE_LIMITED', message, { retryAfter })
    }
    tell(action, key, cost)
  }

  return {
    take,
    count(actor, action, cost) {
      if (!isAdmin(actor)) take(action, actor.id, cost)
    },
    charge(action, key, cost) {
      buckets.get(action)?.spend(key, cost)
      tell(action, key, cost)
    },
    grantedElsewhere({ action, key, cost }) {
      buckets.get(action)?.spend(key, cost)
    },
  }
}

/** Adds up what each key has spent until it is worth telling. */
class Portions {
  readonly #size: number
  readonly #collected = new Map<string, number>()

  constructor(size: number) {
    this.#size = size
  }

  /** What is to be told now: everything that the key has spent since the last time, or 0. */
  add(key: string, cost: number): number {
    const sum = (this.#collected.get(key) ?? 0) + cost
    this.#collected.delete(key)
    if (sum >= this.#size) return sum
    this.#collected.set(key, sum)
    for (const oldest of this.#collected.keys()) {
      if (this.#collected.size <= COLLECTED_MAX) break
      this.#collected.delete(oldest)
    }
    return 0
  }
}
