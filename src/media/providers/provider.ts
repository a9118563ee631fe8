import type { z } from 'zod'

/** Admits one user to one room. */
export interface Admission {
  readonly roomId: string
  readonly userId: string
  /** The user's number in the room, which no other user of the room has. */
  readonly uid: number
  /** False for observers. */
  readonly mayPublish: boolean
  /** Seconds since the epoch. */
  readonly issuedAt: number
  /** Seconds. */
  readonly ttl: number
}

/** Lifetime in seconds of a token that remains valid at the service after its user was removed. */
export const UNREVOCABLE_TTL = 600

/** The arguments for the provider's SDK besides the ids of room and user; null if that SDK does not require one. */
export interface Credentials {
  readonly appId: string | null
  readonly url: string | null
  readonly token: string | null
  /** The number by which the provider identifies the user; absent if it identifies users by their id. */
  readonly uid?: number
}

/** A media service that admits users by tokens that the gateway signs. */
export interface Provider {
  /** Lifetime in seconds of tokens that the service cannot revoke. @default that of all tokens */
  readonly tokenTtl?: number
  admit(admission: Admission): Promise<Credentials>
  /**
   * Asks the service whether it accepts the account; absent if the service has no address of its own.
   *
   * @returns what was found, for the operator
   * @throws Error if the service cannot be reached or refuses the account
   */
  verify?(): Promise<string>
}

/** Values by variable; undefined if not set. */
export type Settings<Name extends string = string> = { readonly [N in Name]?: string | undefined }

/** The schema of one required variable. */
export type AccountSchema = z.ZodType<string, string>
/** The schema of one variable with a default, which may be undefined. */
export type OptionSchema = z.ZodType<string | undefined, string | undefined>

/** A capability of a provider, with the variables that configure it and its constructor. */
export interface Definition<
  Capability,
  Name extends string = string,
  Secret extends string = string,
  Option extends string = string,
> {
  /** The variables of this capability, all of which are required for it. */
  readonly variables: Readonly<Record<Name, AccountSchema>>
  /** Further variables, with defaults. */
  readonly options: Readonly<Record<Option, OptionSchema>>
  /** Variables of the provider's account that are required, too. */
  readonly uses: readonly string[]
  /** The names of `variables`. */
  readonly names: readonly Name[]
  /** The names of the variables that are never printed. */
  readonly secrets: readonly Secret[]
  /** Undefined unless every required variable is set. */
  create(settings: Settings): Capability | undefined
}

/** A media service and its account. */
export type ProviderDefinition = Definition<Provider>

/** @param definition - its `create` is called only if every required variable is set */
export function define<
  Capability,
  Name extends string,
  const Secret extends Name,
  Option extends string = never,
  Use extends string = never,
>(definition: {
  readonly variables: Readonly<Record<Name, AccountSchema>>
  readonly options?: Readonly<Record<Option, OptionSchema>>
  readonly uses?: readonly Use[]
  readonly secrets: readonly Secret[]
  create(settings: Readonly<Record<Name | Use, string>> & Settings<Option>): Capability
}): Definition<Capability, Name, Secret, Option> {
  const names = Object.keys(definition.variables) as Name[]
  const { options = {} as Readonly<Record<Option, OptionSchema>>, uses = [] } = definition
  const isComplete = (settings: Settings): settings is Readonly<Record<Name | Use, string>> & Settings<Option> =>
    [...names, ...uses].every((name) => settings[name] !== undefined)
  return {
    ...definition,
    names,
    options,
    uses,
    create: (settings) => (isComplete(settings) ? definition.create(settings) : undefined),
  }
}
