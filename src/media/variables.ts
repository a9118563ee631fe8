import { z } from 'zod'
import { MEDIA_PROVIDERS, type MediaProvider } from '../core/media-provider.ts'
import { type Contradiction, count, list, text, url, type Values } from '../core/variable.ts'
import { accountVariables, type OpenAccounts, variablesOf } from './providers.ts'

export interface IceUrls {
  readonly stunUrls: readonly string[]
  readonly turnUrls: readonly string[]
}

/** The media configuration, with the settings of each account but not its secrets. */
export interface MediaConfig extends OpenAccounts {
  /** The provider of rooms created without one; it is configured. */
  readonly defaultProvider: MediaProvider
  /** Default seats of a group with provider `webrtc`, where each participant sends to each other. */
  readonly meshMax: number
}

export const mediaVariables = {
  STUN_URLS: list(url(/^stuns?:./, 'stun:host:3478')),
  TURN_URLS: list(url(/^turns?:./, 'turn:host:3478')),
  TURN_SECRET: text.optional(),
  DEFAULT_PROVIDER: z.enum(MEDIA_PROVIDERS).default('webrtc'),
  ...accountVariables,
  MESH_MAX: count(6, 1000),
}

type MediaValues = Values<typeof mediaVariables>

export function* mediaContradictions(env: MediaValues): Iterable<Contradiction> {
  if (env.TURN_URLS.length > 0 && !env.TURN_SECRET)
    yield { variable: 'TURN_SECRET', message: 'is required with TURN_URLS' }
  if (env.TURN_SECRET && env.TURN_URLS.length === 0)
    yield { variable: 'TURN_URLS', message: 'is required with TURN_SECRET' }
  for (const provider of MEDIA_PROVIDERS) {
    const required = variablesOf(provider)
    const present = required.filter((name) => env[name] !== undefined)
    const missing = required.filter((name) => env[name] === undefined)
    if (present.length > 0) {
      for (const variable of missing) yield { variable, message: `is required with ${present.join(' and ')}` }
    }
    if (provider === env.DEFAULT_PROVIDER && required.length > 0 && present.length === 0) {
      yield { variable: 'DEFAULT_PROVIDER', message: `${provider} requires ${required.join(', ')}` }
    }
  }
}
