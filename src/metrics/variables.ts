import { z } from 'zod'
import type { Values } from '../core/variable.ts'

/** Where the metrics are served. */
export interface MetricsConfig {
  /** A port of their own; undefined: the port of the gateway. 0 picks a free one. */
  readonly port: number | undefined
}

/** Minimum length of the token: it must not be guessed. */
const TOKEN_MIN = 16

export const metricsVariables = {
  METRICS_PORT: z
    .string()
    .regex(/^\d+$/, 'must be a port number')
    .transform(Number)
    .refine((port) => port <= 65_535, 'must be at most 65535')
    .optional(),
  METRICS_TOKEN: z
    .string()
    .trim()
    .min(TOKEN_MIN, `must have at least ${TOKEN_MIN} characters`)
    .regex(/^[\x21-\x7e]+$/, 'must have no spaces and only ASCII characters')
    .optional(),
}

/** Undefined if no metrics are served. */
export function metricsConfig(env: Values<typeof metricsVariables>): MetricsConfig | undefined {
  if (env.METRICS_PORT === undefined && env.METRICS_TOKEN === undefined) return undefined
  return { port: env.METRICS_PORT }
}
