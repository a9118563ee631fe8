import type { z } from 'zod'
import { MEDIA_PROVIDERS, type MediaProvider } from '../core/media-provider.ts'
import { agora } from './providers/agora.ts'
import { livekit } from './providers/livekit.ts'
import type { AccountSchema, Provider, ProviderDefinition, Settings } from './providers/provider.ts'
import { tencent } from './providers/tencent.ts'
import { volcengine } from './providers/volcengine.ts'
import { webrtc } from './providers/webrtc.ts'

/** All supported providers. */
export const providers = { webrtc, volcengine, livekit, tencent, agora } satisfies Record<
  MediaProvider,
  ProviderDefinition
>

type Definition = (typeof providers)[MediaProvider]
type AccountVariable = Definition['names'][number]
type SecretVariable = Definition['secrets'][number]

/** The secrets of the accounts, by variable; never printed. */
export type AccountSecrets = Settings<SecretVariable>
/** The printable settings of the accounts, by provider and variable; a provider without an account is absent. */
export type OpenAccounts = { readonly [P in MediaProvider]?: Settings<Exclude<AccountVariable, SecretVariable>> }

/** The variables of a provider's account. All of them are required, otherwise the provider is not configured. */
export const variablesOf = (provider: MediaProvider): readonly AccountVariable[] => providers[provider].names

/** The schemas of all accounts. */
export const accountVariables = Object.fromEntries(
  Object.values(providers).flatMap(({ variables }) =>
    Object.entries<AccountSchema>(variables).map(([name, schema]) => [name, schema.optional()]),
  ),
) as Record<AccountVariable, z.ZodOptional<AccountSchema>>

const SECRETS: ReadonlySet<AccountVariable> = new Set(
  MEDIA_PROVIDERS.flatMap((provider): readonly SecretVariable[] => providers[provider].secrets),
)

/** Splits the account variables of the environment into printable settings and secrets. */
export function accountsOf(env: Settings<AccountVariable>): { open: OpenAccounts; secrets: AccountSecrets } {
  const pick = (names: Iterable<AccountVariable>) => Object.fromEntries(Array.from(names, (name) => [name, env[name]]))
  const given = MEDIA_PROVIDERS.filter((provider) => variablesOf(provider).some((name) => env[name] !== undefined))
  const open = given.map((provider) => [provider, pick(variablesOf(provider).filter((name) => !SECRETS.has(name)))])
  return { open: Object.fromEntries(open), secrets: pick(SECRETS) }
}

export type Providers = { readonly [P in MediaProvider]?: Provider | undefined }

/** Creates the configured providers. A provider's library is loaded at the first admission. */
export const configuredProviders = (open: OpenAccounts, secrets: AccountSecrets): Providers =>
  Object.fromEntries(
    MEDIA_PROVIDERS.map((provider) => [provider, providers[provider].create({ ...open[provider], ...secrets })]),
  )
