import { anonymousAttacks } from './anonymous.ts'
import type { Target } from './target.ts'
import { userAttacks } from './users.ts'

/** An attack on the availability of a gateway. */
export interface Attack {
  readonly name: string
  /** Environment variables that the gateway needs for this attack. */
  readonly env?: Readonly<Record<string, string>>
  /** Creates data for the attack; not measured. */
  readonly prepare?: (target: Target, size: number) => Promise<void>
  /**
   * Runs until it is done or the signal aborts.
   *
   * @param size - share of the full number of connections, requests or rooms; more than 0, at most 1
   */
  readonly run: (target: Target, size: number, signal: AbortSignal) => Promise<void>
}

export const attacks: readonly Attack[] = [...anonymousAttacks, ...userAttacks]
