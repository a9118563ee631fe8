import { builder } from './builder.ts'

/**
 * Defines a GraphQL enum whose names are the domain's values in upper case.
 *
 * @param descriptions - the descriptions of the values
 */
export function enumOf<T extends string>(
  name: string,
  domainValues: readonly T[],
  description: string,
  descriptions: Partial<Readonly<Record<T, string>>> = {},
) {
  const values = Object.fromEntries(
    domainValues.map((value) => {
      const text = descriptions[value]
      return [value.toUpperCase(), text === undefined ? { value } : { value, description: text }]
    }),
  )
  return builder.enumType(name, { description, values })
}
