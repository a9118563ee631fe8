import { z } from 'zod'
import { MEDIA_PROVIDERS, type MediaProvider } from '../core/media-provider.ts'
import { type Contradiction, count, list, text, url, type Values } from '../core/variable.ts'
import { incompleteOf, type OpenSettings, providerVariables, variablesOf } from './providers.ts'

export interface IceUrls {
  readonly stunUrls: readonly string[]
  readonly turnUrls: readonly string[]
}

/** The media configuration, with the settings of each provider but not its secrets. */
export interface MediaConfig extends OpenSettings {
  /** The provider of rooms created without one; it is configured. */
  readonly defaultProvider: MediaProvider
  /** Seconds; undefined: by the provider. */
  readonly tokenTtl: number | undefined
  /** Default seats of a group with provider `webrtc`, where each participant sends to each other. */
  readonly meshMax: number
}

export const mediaVariables = {
  STUN_URLS: list(url(/^stuns?:./, 'stun:host:3478')),
  TURN_URLS: list(url(/^turns?:./, 'turn:host:3478')),
  TURN_SECRET: text.optional(),
  DEFAULT_PROVIDER: z.enum(MEDIA_PROVIDERS).default('webrtc'),
  ...providerVariables,
  MEDIA_TOKEN_TTL: z
    .string()
    .regex(/^\d+$/, 'must be a whole number of seconds')
    .transform(Number)
    .refine((value) => value >= 60 && value <= 86_400, 'must be between 60 and 86400 seconds')
    .optional(),
  MESH_MAX: count(6, 1000),
}

type MediaValues = Values<typeof mediaVariables>

export function* mediaContradictions(env: MediaValues): Iterable<Contradiction> {
  if (env.TURN_URLS.length > 0 && !env.TURN_SECRET)
    yield { variable: 'TURN_SECRET', message: 'is required with TURN_URLS' }
  if (env.TURN_SECRET && env.TURN_URLS.length === 0)
    yield { variable: 'TURN_URLS', message: 'is required with TURN_SECRET' }
  for (const { present, missing } of incompleteOf(env)) {
    for (const variable of missing) yield { variable, message: `is required with ${present.join(' and ')}` }
  }
  const values: Readonly<Record<string, unknown>> = env
  // The value may be invalid, which is reported elsewhere.
  const provider = MEDIA_PROVIDERS.find((name) => name === env.DEFAULT_PROVIDER)
  const required = provider ? variablesOf(provider) : []
  if (required.length > 0 && required.every((name) => values[name] === undefined)) {
    yield { variable: 'DEFAULT_PROVIDER', message: `${env.DEFAULT_PROVIDER} requires ${required.join(', ')}` }
  }
}
