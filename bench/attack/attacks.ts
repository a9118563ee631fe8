import { anonymousAttacks } from './anonymous.ts'
import type { Target } from './target.ts'
import { userAttacks } from './users.ts'

/** One way to take a gateway down. */
export interface Attack {
  readonly name: string
  /** Environment of the gateway that this attack needs. */
  readonly env?: Readonly<Record<string, string>>
  /** Makes what the attack needs; not measured. */
  readonly prepare?: (target: Target, size: number) => Promise<void>
  /**
   * Attacks until it is done or the signal aborts.
   *
   * @param size - share of the full number of connections, requests or rooms; more than 0, at most 1
   */
  readonly run: (target: Target, size: number, signal: AbortSignal) => Promise<void>
}

export const attacks: readonly Attack[] = [...anonymousAttacks, ...userAttacks]
