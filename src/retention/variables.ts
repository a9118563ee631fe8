import { type Values, wholeNumber } from '../core/variable.ts'

export interface RetentionConfig {
  /** Days for which ended rooms are kept; undefined: for ever. */
  readonly retention: number | undefined
}

/** A hundred years. */
const DAYS_MAX = 36_500

export const retentionVariables = { RETENTION: wholeNumber(DAYS_MAX).optional() }

export const retentionConfig = (env: Values<typeof retentionVariables>): RetentionConfig => ({
  retention: env.RETENTION,
})
