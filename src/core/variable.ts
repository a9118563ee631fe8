import { z } from 'zod'

/** The building blocks of `<feature>/variables.ts`: how environment variables are read and checked. */

/** The values that variables have once they are read, by name. */
export type Values<Variables extends z.ZodRawShape> = z.output<z.ZodObject<Variables>>

/** What is wrong with a variable, or with several, that each may be well formed. */
export interface Contradiction {
  /** Its name; several names separated by commas. */
  readonly variable: string
  readonly message: string
}

export const text = z.string().trim().min(1)

/** Whole seconds, at least 1; the longest that a timer of Node can wait unless `max` says less. */
export const seconds = (fallback: number, max = 2_147_483) =>
  z
    .string()
    .regex(/^\d+$/, 'must be a whole number of seconds')
    .transform(Number)
    .refine((value) => value >= 1 && value <= max, `must be between 1 and ${max} seconds`)
    .default(fallback)

/** A whole number, at least 1. */
export const count = (fallback: number, max = 1_000_000) =>
  z
    .string()
    .regex(/^\d+$/, 'must be a whole number')
    .transform(Number)
    .refine((value) => value >= 1 && value <= max, `must be between 1 and ${max}`)
    .default(fallback)

/** Items separated by commas; spaces around them do not matter. */
export const list = (schema: z.ZodType<string, string>, fallback = '') =>
  z
    .string()
    .default(fallback)
    .transform((value) =>
      value
        .split(',')
        .map((item) => item.trim())
        .filter(Boolean),
    )
    .pipe(z.array(schema))

export const url = (protocols: RegExp, example: string) =>
  z.string().regex(protocols, `must be a URL of the form ${example}`)

/** A URL that is printed with the configuration, and perhaps handed to clients: it must hold no credentials. */
export function isOpenUrl(value: string, protocols: RegExp): boolean {
  if (!URL.canParse(value)) return false
  const { protocol, username, password } = new URL(value)
  return protocols.test(protocol) && !username && !password
}
