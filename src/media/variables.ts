import { z } from 'zod'
import { MEDIA_PROVIDERS, type MediaProvider } from '../core/media-provider.ts'
import { type Contradiction, count, list, text, url, type Values } from '../core/variable.ts'
import { accountVariables, type OpenAccounts, variablesOf } from './providers.ts'

export interface IceUrls {
  readonly stunUrls: readonly string[]
  readonly turnUrls: readonly string[]
}

/** The accounts are by provider; a secret of theirs is not in it. */
export interface MediaConfig extends OpenAccounts {
  /** Of rooms that are created without one; it is configured. */
  readonly defaultProvider: MediaProvider
  /** Seats of a group of provider `webrtc` that names no number: each participant sends to each other. */
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
    yield { variable: 'TURN_SECRET', message: 'is needed with TURN_URLS' }
  if (env.TURN_SECRET && env.TURN_URLS.length === 0)
    yield { variable: 'TURN_URLS', message: 'is needed with TURN_SECRET' }
  for (const provider of MEDIA_PROVIDERS) {
    const needed = variablesOf(provider)
    const given = needed.filter((name) => env[name] !== undefined)
    const missing = needed.filter((name) => env[name] === undefined)
    if (given.length > 0) {
      for (const variable of missing) yield { variable, message: `is needed with ${given.join(' and ')}` }
    }
    if (provider === env.DEFAULT_PROVIDER && needed.length > 0 && given.length === 0) {
      yield { variable: 'DEFAULT_PROVIDER', message: `${provider} needs ${needed.join(', ')}` }
    }
  }
}
