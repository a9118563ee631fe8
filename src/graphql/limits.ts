import { createComplexityRule } from '@pothos/plugin-complexity'
import { type ExecutionArgs, GraphQLError, validate, type ValidationRule } from 'graphql'
import type { Plugin } from 'graphql-yoga'

/** What one operation may ask for, whichever door it comes through. */
const LIMITS = {
  tokens: 1000,
  /** Nesting of fields. */
  depth: 8,
  aliases: 15,
  directives: 10,
  /** About the number of values in the answer: fragments counted where they are spread, lists by their `first`. */
  cost: 20_000,
} as const

export const TOKENS_MAX = LIMITS.tokens

/** Aliases and directives are counted as written, once each. */
const countRule: ValidationRule = (context) => {
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

/** Depth and cost depend on the variables, so they are known only when the operation is about to run. */
function costErrors({ schema, document, operationName, variableValues, contextValue }: ExecutionArgs) {
  const rule = createComplexityRule({
    context: contextValue as object,
    variableValues: variableValues ?? {},
    operationName: operationName ?? null,
    maxDepth: LIMITS.depth,
    maxComplexity: LIMITS.cost,
  })
  return validate(schema, document, [rule])
}

export const limits: Plugin[] = [
  {
    onValidate({ addValidationRule }) {
      addValidationRule(countRule)
    },
    onExecute({ args, setResultAndStopExecution }) {
      const errors = costErrors(args)
      if (errors.length > 0) setResultAndStopExecution({ errors })
    },
    onSubscribe({ args, setResultAndStopExecution }) {
      const errors = costErrors(args)
      if (errors.length > 0) setResultAndStopExecution({ errors })
    },
  },
]
