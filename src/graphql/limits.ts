import { GraphQLError, type ValidationRule } from 'graphql'

/** What one operation may ask for, whichever door it comes through. */
export const LIMITS = {
  tokens: 1000,
  /** Nesting of fields. */
  depth: 8,
  aliases: 15,
  directives: 10,
  /** About the number of values in the answer, as far as the document tells: fragments counted where they are spread. */
  cost: 20_000,
  /** The same for introspection, whose depth is the schema's. */
  introspectionCost: 100_000,
} as const

export const TOKENS_MAX = LIMITS.tokens

/** Aliases and directives are counted as written, once each. */
export const countRule: ValidationRule = (context) => {
  let [aliases, directives] = [0, 0]
  return {
    Field({ alias }) {
      if (alias) aliases += 1
    },
    Directive() {
      directives += 1
    },
    Document: {
      leave() {
        for (const [what, count, max] of [
          ['aliases', aliases, LIMITS.aliases],
          ['directives', directives, LIMITS.directives],
        ] as const) {
          if (count > max)
            context.reportError(new GraphQLError(`The document has ${count} ${what}; ${max} are allowed.`))
        }
      },
    },
  }
}
