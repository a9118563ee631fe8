import { type Contradiction, isPublicUrl, text, type Values } from '../core/variable.ts'

export interface WukongimConfig {
  /** The address of WukongIM's HTTP API. */
  readonly url: string
}

export interface WukongimSecrets {
  /** WukongIM's `managerToken`. */
  readonly wukongimToken: string | undefined
}

export const wukongimVariables = {
  WUKONGIM_URL: text
    .refine(
      (value) => isPublicUrl(value, /^https?:$/),
      'must be a URL of the form http://wukongim:5001, without credentials',
    )
    .optional(),
  WUKONGIM_TOKEN: text.regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces').optional(),
}

type WukongimValues = Values<typeof wukongimVariables>

/** Undefined: no messages are sent. */
export const wukongimConfig = ({ WUKONGIM_URL: url }: WukongimValues): WukongimConfig | undefined =>
  url === undefined ? undefined : { url }

export const wukongimSecrets = (env: WukongimValues): WukongimSecrets => ({ wukongimToken: env.WUKONGIM_TOKEN })

export function* wukongimContradictions(env: WukongimValues): Iterable<Contradiction> {
  if (env.WUKONGIM_TOKEN !== undefined && env.WUKONGIM_URL === undefined) {
    yield { variable: 'WUKONGIM_URL', message: 'is required with WUKONGIM_TOKEN' }
  }
}
