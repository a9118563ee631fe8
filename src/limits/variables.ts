import { z } from 'zod'
import type { Values } from '../core/variable.ts'
import { type Action, ACTIONS, parseRate, RATES, rateVariable } from './rate-table.ts'
import type { Rate } from './token-bucket.ts'

const rate = (fallback: string) =>
  z
    .string()
    .refine(
      (value) => parseRate(value) !== null,
      'must have the form 120/60s: the burst size, then the seconds to refill it',
    )
    .default(fallback)

export const limitVariables = {
  RATE_LIMITS: z.enum(['on', 'off']).default('on'),
  ...(Object.fromEntries(ACTIONS.map((action) => [rateVariable(action), rate(RATES[action].default)])) as Record<
    `RATE_${Uppercase<Action>}`,
    ReturnType<typeof rate>
  >),
}

/** The configured rates by action; undefined if RATE_LIMITS is off. */
export function ratesOf(env: Values<typeof limitVariables>): Readonly<Record<Action, Rate>> | undefined {
  if (env.RATE_LIMITS === 'off') return undefined
  const rates = ACTIONS.map((action) => [action, parseRate(env[rateVariable(action)])] as const)
  return Object.fromEntries(rates) as Record<Action, Rate>
}
