import { builder } from './builder.ts'

/** A GraphQL enum for a vocabulary of the domain: upper case outside, the domain's own word inside. */
export function enumOf<T extends string>(name: string, words: readonly T[], description: string) {
  const values = Object.fromEntries(words.map((word) => [word.toUpperCase(), { value: word }]))
  return builder.enumType(name, { description, values })
}
