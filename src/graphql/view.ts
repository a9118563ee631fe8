import {
  type DocumentNode,
  execute,
  type ExecutionArgs,
  type GraphQLError,
  print,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql'
import type { Actor } from '../core/actor.ts'
import type { View } from '../events/fan-out.ts'
import { type Context, createContext } from './context.ts'
import { renderResult } from './operation.ts'
import { Work } from './work.ts'

/**
 * How the readers of a subscription see an update. Those with the same selection and the same variables in it get the
 * same bytes; where a field depends on the viewer (`extensions.dependsOnViewer`), only the viewer's own readers do. A
 * field that reads the viewer without saying so fails: nobody is shown what is another's.
 *
 * @param toGraphQLError - translates every error once
 */
export function viewOf(args: ExecutionArgs, toGraphQLError: (error: unknown) => GraphQLError): View {
  const reading = readingOf(args)
  const context = args.contextValue as Context
  const { id, scopes } = context.actor
  const values = reading.variables.map((name) => args.variableValues?.[name] ?? null)
  const name = JSON.stringify([reading.selection, values])
  return {
    name,
    key: reading.readsViewer ? JSON.stringify([name, id, [...scopes].toSorted()]) : name,
    create() {
      const actor = reading.readsViewer ? context.actor : nobody
      const shared = createContext(context, { actor, lane: STREAMS })
      return (update) => {
        const result = execute({ ...args, contextValue: { ...shared, work: new Work() }, rootValue: update })
        return result instanceof Promise
          ? result.then((value) => renderResult(value, toGraphQLError))
          : renderResult(result, toGraphQLError)
      }
    },
  }
}

/** What many see is nobody's work in particular. */
const STREAMS = 'room streams'

/** The viewer of what many see. */
const nobody = new Proxy({} as Actor, {
  get() {
    throw new Error('a field that depends on the viewer must say so in its extensions')
  },
})

interface Reading {
  /** The document without what does not change a message: its name, and the arguments of the root field. */
  readonly selection: string
  readonly readsViewer: boolean
  /** Variables outside the root field's own arguments: those that change what a message looks like. */
  readonly variables: readonly string[]
}

/** What a document reads depends on the document and the operation's name alone. */
const readings = new WeakMap<DocumentNode, Map<string, Reading>>()

function readingOf({ schema, document, operationName }: ExecutionArgs): Reading {
  const byName = readings.get(document) ?? new Map<string, Reading>()
  readings.set(document, byName)
  const name = operationName ?? ''
  const reading = byName.get(name) ?? read(schema, document, operationName)
  byName.set(name, reading)
  return reading
}

function read(
  schema: ExecutionArgs['schema'],
  document: DocumentNode,
  operationName: ExecutionArgs['operationName'],
): Reading {
  const types = new TypeInfo(schema)
  const variables = new Set<string>()
  let readsViewer = false
  const isRootArgument = () => !types.getDirective() && types.getParentType() === schema.getSubscriptionType()
  const reduced = visit(
    document,
    visitWithTypeInfo(types, {
      OperationDefinition: {
        enter: (operation) => (operationName && operation.name?.value !== operationName ? null : undefined),
        leave: (operation) => ({ ...operation, name: undefined, variableDefinitions: [] }),
      },
      Field() {
        if (types.getFieldDef()?.extensions['dependsOnViewer']) readsViewer = true
      },
      VariableDefinition: () => false,
      // `roomId`, `after` and the like say where a reader begins, not what a message looks like.
      Argument: () => (isRootArgument() ? null : undefined),
      Variable({ name }) {
        variables.add(name.value)
      },
    }),
  )
  return { selection: print(reduced), readsViewer, variables: [...variables].toSorted() }
}
