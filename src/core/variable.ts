import { z } from 'zod'

/** Schemas for `<feature>/variables.ts`, which parse and validate environment variables. */

/** The parsed values of variables, by name. */
export type Values<Variables extends z.ZodRawShape> = z.output<z.ZodObject<Variables>>

/** A problem with one variable or with a combination of variables that are valid individually. */
export interface Contradiction {
  /** The variable's name; several names are separated by commas. */
  readonly variable: string
  readonly message: string
}

export const text = z.string().trim().min(1)

/** A whole number of seconds, at least 1. The default of `max` is the longest timer of Node.js. */
export const seconds = (fallback: number, max = 2_147_483) =>
  z
    .string()
    .regex(/^\d+$/, 'must be a whole number of seconds')
    .transform(Number)
    .refine((value) => value >= 1 && value <= max, `must be between 1 and ${max} seconds`)
    .default(fallback)

/** A whole number, at least 1; without a default. */
export const wholeNumber = (max: number) =>
  z
    .string()
    .regex(/^\d+$/, 'must be a whole number')
    .transform(Number)
    .refine((value) => value >= 1 && value <= max, `must be between 1 and ${max}`)

/** A whole number, at least 1. */
export const count = (fallback: number, max = 1_000_000) => wholeNumber(max).default(fallback)

/** A list separated by commas; ignores whitespace around the items. */
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

/** Whether a URL may be logged and sent to clients: it must not contain credentials. */
export function isPublicUrl(value: string, protocols: RegExp): boolean {
  if (!URL.canParse(value)) return false
  const { protocol, username, password } = new URL(value)
  return protocols.test(protocol) && !username && !password
}
