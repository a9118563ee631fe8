import { GraphQLError, type ValidationRule } from 'graphql'

/** Limits of one operation over any transport. */
export const LIMITS = {
  tokens: 1000,
  /** Nesting of fields. */
  depth: 8,
  aliases: 15,
  directives: 10,
  /** Estimated number of values in the response; a fragment counts at each spread. */
  cost: 20_000,
  /** The same for introspection, whose depth is not limited. Must admit the introspection of the whole schema. */
  introspectionCost: 200_000,
} as const

export const TOKENS_MAX = LIMITS.tokens

/** Limits the aliases and directives in a document, each counted once as written. */
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
        for (const [kind, count, max] of [
          ['aliases', aliases, LIMITS.aliases],
          ['directives', directives, LIMITS.directives],
        ] as const) {
          if (count > max)
            context.reportError(new GraphQLError(`The document has ${count} ${kind}; at most ${max} are allowed.`))
        }
      },
    },
  }
}
