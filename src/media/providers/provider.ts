import type { z } from 'zod'

/** Who is let into which room, as what, and for how long. */
export interface Admission {
  readonly roomId: string
  readonly userId: string
  /** Observers watch and listen. */
  readonly mayPublish: boolean
  /** Seconds since the epoch. */
  readonly issuedAt: number
  /** Seconds. */
  readonly ttl: number
}

/** What a client hands to the provider's SDK, beside the room's and the user's id; null is what that SDK does not ask for. */
export interface Credentials {
  readonly appId: string | null
  readonly url: string | null
  readonly token: string | null
}

/** One that carries media, and knows whom we have let in by a token that we sign. */
export interface Provider {
  admit(admission: Admission): Promise<Credentials>
}

/** Values by variable; undefined is what is not set. */
export type Settings<Name extends string = string> = { readonly [N in Name]?: string | undefined }

/** Of one variable of an account. */
export type AccountSchema = z.ZodType<string, string>

/** How a provider is configured and made. */
export interface ProviderDefinition<Name extends string = string, Secret extends string = string> {
  /** What describes the account: all of it, or the provider is not configured. */
  readonly variables: Readonly<Record<Name, AccountSchema>>
  /** The names of the variables. */
  readonly names: readonly Name[]
  /** Those that are never printed. */
  readonly secrets: readonly Secret[]
  /** Undefined unless every variable is set. */
  create(settings: Settings): Provider | undefined
}

/** @param definition - its `create` gets every variable of the account */
export function defineProvider<Name extends string, const Secret extends Name>(definition: {
  readonly variables: Readonly<Record<Name, AccountSchema>>
  readonly secrets: readonly Secret[]
  create(account: Readonly<Record<Name, string>>): Provider
}): ProviderDefinition<Name, Secret> {
  const names = Object.keys(definition.variables) as Name[]
  const isWhole = (settings: Settings): settings is Readonly<Record<Name, string>> =>
    names.every((name) => settings[name] !== undefined)
  return {
    ...definition,
    names,
    create: (settings) => (isWhole(settings) ? definition.create(settings) : undefined),
  }
}
