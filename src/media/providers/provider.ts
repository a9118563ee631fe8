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

/** The schema of one account variable. */
export type AccountSchema = z.ZodType<string, string>

/** The configuration and the constructor of a provider. */
export interface ProviderDefinition<Name extends string = string, Secret extends string = string> {
  /** The account variables, all of which are required. */
  readonly variables: Readonly<Record<Name, AccountSchema>>
  /** The names of the variables. */
  readonly names: readonly Name[]
  /** The names of the variables that are never printed. */
  readonly secrets: readonly Secret[]
  /** Undefined unless every variable is set. */
  create(settings: Settings): Provider | undefined
}

/** @param definition - its `create` is called only with every variable of the account */
export function defineProvider<Name extends string, const Secret extends Name>(definition: {
  readonly variables: Readonly<Record<Name, AccountSchema>>
  readonly secrets: readonly Secret[]
  create(account: Readonly<Record<Name, string>>): Provider
}): ProviderDefinition<Name, Secret> {
  const names = Object.keys(definition.variables) as Name[]
  const isComplete = (settings: Settings): settings is Readonly<Record<Name, string>> =>
    names.every((name) => settings[name] !== undefined)
  return {
    ...definition,
    names,
    create: (settings) => (isComplete(settings) ? definition.create(settings) : undefined),
  }
}
