import type { z } from 'zod'
import { MEDIA_PROVIDERS, type MediaProvider } from '../core/media-provider.ts'
import type { RoomControl } from './control/control.ts'
import { agoraControl } from './control/agora.ts'
import { livekitControl } from './control/livekit.ts'
import { tencentControl } from './control/tencent.ts'
import { volcengineControl } from './control/volcengine.ts'
import { agoraHook } from './hooks/agora.ts'
import type { Hook } from './hooks/hook.ts'
import { livekitHook } from './hooks/livekit.ts'
import { tencentHook } from './hooks/tencent.ts'
import { volcengineHook } from './hooks/volcengine.ts'
import { agora } from './providers/agora.ts'
import { livekit } from './providers/livekit.ts'
import type {
  AccountSchema,
  Definition,
  OptionSchema,
  Provider,
  ProviderDefinition,
  Settings,
} from './providers/provider.ts'
import { tencent } from './providers/tencent.ts'
import { volcengine } from './providers/volcengine.ts'
import { webrtc } from './providers/webrtc.ts'

/** All supported providers. */
export const providers = { webrtc, volcengine, livekit, tencent, agora } satisfies Record<
  MediaProvider,
  ProviderDefinition
>

/** The media services, which have servers of their own. */
export type MediaService = Exclude<MediaProvider, 'webrtc'>

/** The webhooks of the media services. */
const hooks = {
  volcengine: volcengineHook,
  livekit: livekitHook,
  tencent: tencentHook,
  agora: agoraHook,
} satisfies Record<MediaService, Definition<Hook>>

/** The room control of the media services. */
const controls = {
  volcengine: volcengineControl,
  livekit: livekitControl,
  tencent: tencentControl,
  agora: agoraControl,
} satisfies Record<MediaService, Definition<RoomControl>>

export const MEDIA_SERVICES = Object.keys(hooks) as MediaService[]

type AnyDefinition = (typeof providers)[MediaProvider] | (typeof hooks)[MediaService] | (typeof controls)[MediaService]
type OptionOf<T> = T extends { readonly options: infer Options } ? keyof Options & string : never
type RequiredVariable = AnyDefinition['names'][number]
type OptionalVariable = OptionOf<AnyDefinition>
type MediaVariable = RequiredVariable | OptionalVariable
type SecretVariable = AnyDefinition['secrets'][number]

/** The secrets of the providers, by variable; never printed. */
export type ProviderSecrets = Settings<SecretVariable>
/** The printable settings, by provider and variable; a provider without any required variable is absent. */
export type OpenSettings = { readonly [P in MediaProvider]?: Settings<Exclude<MediaVariable, SecretVariable>> }

/** The capabilities of each provider: its account, its webhooks, its room control. */
const DEFINITIONS: Readonly<Record<MediaProvider, readonly Definition<unknown>[]>> = {
  webrtc: [webrtc],
  volcengine: [volcengine, volcengineHook, volcengineControl],
  livekit: [livekit, livekitHook, livekitControl],
  tencent: [tencent, tencentHook, tencentControl],
  agora: [agora, agoraHook, agoraControl],
}
const all = Object.values(DEFINITIONS).flat()

/** The variables of a provider's account. All of them are required, otherwise the provider is not configured. */
export const variablesOf = (provider: MediaProvider): readonly string[] => providers[provider].names
/** The variables that verify a provider's webhooks. */
export const hookVariablesOf = (provider: MediaService): readonly string[] => hooks[provider].names
/** The variables that authorise a provider's room control. */
export const controlVariablesOf = (provider: MediaService): readonly string[] => controls[provider].names

/** The schemas of all variables of providers. */
export const providerVariables = {
  ...Object.fromEntries(
    all.flatMap(({ variables }) => Object.entries(variables).map(([name, schema]) => [name, schema.optional()])),
  ),
  ...Object.fromEntries(all.flatMap(({ options }) => Object.entries(options))),
} as Record<RequiredVariable, z.ZodOptional<AccountSchema>> & Record<OptionalVariable, OptionSchema>

/** The values of all variables of providers. */
type ProviderValues = Settings<MediaVariable>

const SECRETS: ReadonlySet<string> = new Set(all.flatMap(({ secrets }) => secrets))

/** Splits the variables of providers into printable settings and secrets. */
export function settingsOf(env: ProviderValues): { open: OpenSettings; secrets: ProviderSecrets } {
  const values: Settings = env
  const pick = (names: Iterable<string>) => Object.fromEntries(Array.from(names, (name) => [name, values[name]]))
  const required = (provider: MediaProvider) => DEFINITIONS[provider].flatMap(({ names }) => names)
  const options = (provider: MediaProvider) => DEFINITIONS[provider].flatMap((part) => Object.keys(part.options))
  const given = MEDIA_PROVIDERS.filter((provider) => required(provider).some((name) => values[name] !== undefined))
  const open = given.map((provider) => [
    provider,
    pick([...required(provider), ...options(provider)].filter((name) => !SECRETS.has(name))),
  ])
  return { open: Object.fromEntries(open) as OpenSettings, secrets: pick(SECRETS) }
}

/** Capabilities of which only a part of the variables is set, each with what is set and what is missing. */
export function* incompleteOf(
  env: ProviderValues,
): Iterable<{ present: readonly string[]; missing: readonly string[] }> {
  const values: Settings = env
  for (const { names, uses } of all) {
    const present = names.filter((name) => values[name] !== undefined)
    const missing = [...names, ...uses].filter((name) => values[name] === undefined)
    if (present.length > 0 && missing.length > 0) yield { present, missing }
  }
}

export type Providers = { readonly [P in MediaProvider]?: Provider | undefined }
export type Hooks = { readonly [P in MediaService]?: Hook | undefined }
export type Controls = { readonly [P in MediaService]?: RoomControl | undefined }

/** Creates what is configured of each provider. A provider's library is loaded when it is first used. */
export function configuredProviders(
  open: OpenSettings,
  secrets: ProviderSecrets,
): { readonly providers: Providers; readonly hooks: Hooks; readonly controls: Controls } {
  const create = <Name extends MediaProvider, T>(definitions: Readonly<Record<Name, Definition<T>>>) =>
    Object.fromEntries(
      Object.entries<Definition<T>>(definitions).map(([provider, definition]) => [
        provider,
        definition.create({ ...open[provider as Name], ...secrets }),
      ]),
    ) as { readonly [P in Name]?: T | undefined }
  return { providers: create(providers), hooks: create(hooks), controls: create(controls) }
}
