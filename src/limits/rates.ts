import { type Actor, isAdmin } from '../core/actor.ts'
import type { Clock } from '../core/clock.ts'
import { RtcError } from '../core/errors.ts'
import { type Action, ACTIONS, RATES } from './rate-table.ts'
import { type Rate, TokenBuckets } from './token-bucket.ts'

/** Usage of a rate at one node, as reported to the other nodes. */
export interface RateSpending {
  readonly action: Action
  /** The user id, or a {@link pairKey}. */
  readonly key: string
  readonly cost: number
}

/**
 * Enforces the rates of users. Services count actions here, so usage over all transports adds up.
 */
export interface Rates {
  /**
   * Counts an action of the actor. Does not count trusted applications (scope rtc:admin), which act for many users.
   *
   * @throws RtcError RATE_LIMITED with the seconds to wait; a refused action is not counted
   */
  count(actor: Actor, action: Action, cost?: number): void
  /**
   * Counts an action against a user's rate, regardless of the actor.
   *
   * @param key - the user id, or a {@link pairKey}
   * @throws RtcError RATE_LIMITED with the seconds to wait; a refused action is not counted
   */
  take(action: Action, key: string, cost?: number): void
  /** Counts an action after the fact, even if it exceeds the rate. */
  charge(action: Action, key: string, cost: number): void
  /** Counts usage that another node has granted. */
  grantedElsewhere(spending: RateSpending): void
}

export interface RatesDependencies {
  /** Undefined if rates are not limited. */
  readonly rates: Readonly<Record<Action, Rate>> | undefined
  readonly clock: Clock
  /** Reports usage to the other nodes. Must neither throw nor block. */
  announce(spending: RateSpending): void
}

/** The key for actions of one user towards another. Unambiguous, since ids have no control characters. */
export const pairKey = (fromId: string, toId: string): string => `${fromId}\n${toId}`

/**
 * Share of a rate's capacity that a key uses at one node before its usage is reported. With n nodes a user can exceed the
 * rate by at most (n - 1) shares.
 */
const PORTION = 0.1
/** Maximum number of keys with unreported usage. */
const UNREPORTED_MAX = 100_000

const UNLIMITED: Rates = {
  count: () => undefined,
  take: () => undefined,
  charge: () => undefined,
  grantedElsewhere: () => undefined,
}

export function createRates({ rates, clock, announce }: RatesDependencies): Rates {
  if (!rates) return UNLIMITED

  const buckets = new Map(ACTIONS.map((action) => [action, new TokenBuckets(rates[action], { clock })]))
  const unreported = new Map(ACTIONS.map((action) => [action, new UnreportedUsage(rates[action].capacity * PORTION)]))
  const report = (action: Action, key: string, cost: number): void => {
    const portion = unreported.get(action)?.add(key, cost) ?? 0
    if (portion > 0) announce({ action, key, cost: portion })
  }

  const take: Rates['take'] = (action, key, cost = 1) => {
    const retryAfter = buckets.get(action)?.take(key, cost) ?? 0
    if (retryAfter > 0) {
      const message = `Too many ${RATES[action].noun}; try again in ${retryAfter} s.`
      throw new RtcError('RATE_LIMITED', message, { retryAfter })
    }
    report(action, key, cost)
  }

  return {
    take,
    count(actor, action, cost) {
      if (!isAdmin(actor)) take(action, actor.id, cost)
    },
    charge(action, key, cost) {
      buckets.get(action)?.spend(key, cost)
      report(action, key, cost)
    },
    grantedElsewhere({ action, key, cost }) {
      buckets.get(action)?.spend(key, cost)
    },
  }
}

/** Sums up each key's usage until it reaches the size of a report. */
class UnreportedUsage {
  readonly #portion: number
  /** Least recently used first. */
  readonly #usage = new Map<string, number>()

  constructor(portion: number) {
    this.#portion = portion
  }

  /** Adds usage; returns all unreported usage of the key once it reaches a portion, otherwise 0. */
  add(key: string, cost: number): number {
    const sum = (this.#usage.get(key) ?? 0) + cost
    this.#usage.delete(key)
    if (sum >= this.#portion) return sum
    this.#usage.set(key, sum)
    for (const oldest of this.#usage.keys()) {
      if (this.#usage.size <= UNREPORTED_MAX) break
      this.#usage.delete(oldest)
    }
    return 0
  }
}
