import { builder } from './builder.ts'

/**
 * Defines a GraphQL enum whose names are the domain's values in upper case.
 *
 * @param descriptions - one per value
 */
export function enumOf<T extends string>(
  name: string,
  domainValues: readonly T[],
  description: string,
  descriptions: Readonly<Record<T, string>>,
) {
  const values = Object.fromEntries(
    domainValues.map((value) => [value.toUpperCase(), { value, description: descriptions[value] }]),
  )
  return builder.enumType(name, { description, values })
}
