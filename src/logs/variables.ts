import { z } from 'zod'
import { LOG_LEVELS, type LogLevel } from '../core/logger.ts'
import type { Values } from '../core/variable.ts'

export interface LogConfig {
  readonly level: LogLevel
  /** The requests that are logged: all, only failed ones, or failed ones and a share of the others from 0 to 1. */
  readonly requests: 'all' | 'errors' | number
}

export const logVariables = {
  LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
  LOG_REQUESTS: z
    .string()
    .regex(/^(all|errors|0(\.\d+)?|1(\.0+)?)$/, 'must be all, errors, or a share such as 0.01')
    .transform((value) => (value === 'all' || value === 'errors' ? value : Number(value)))
    .default('all'),
}

export const logConfig = (env: Values<typeof logVariables>): LogConfig => ({
  level: env.LOG_LEVEL,
  requests: env.LOG_REQUESTS,
})
