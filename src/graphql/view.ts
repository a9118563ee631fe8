import {
  type DocumentNode,
  execute,
  type ExecutionArgs,
  getOperationAST,
  type GraphQLError,
  Kind,
  print,
  type SelectionSetNode,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql'
import type { Actor } from '../core/actor.ts'
import type { View } from '../events/fan-out.ts'
import { type Context, createContext } from './context.ts'
import { renderResult } from './operation.ts'
import { Work } from './work.ts'

declare module 'graphql' {
  interface GraphQLFieldExtensions<_TSource, _TContext, _TArgs> {
    /**
     * Of a subscription's root field: each update is executed once for all subscribers who see the same. Its `subscribe`
     * returns a {@link RoomStream}.
     */
    readonly shared?: boolean
    /** The value depends on who asks, so that executions are shared only among the viewer's own subscriptions. */
    readonly dependsOnViewer?: boolean
  }
}

/** Whether every root field of the subscription is shared (`extensions.shared`), those that are skipped included. */
export function isShared({ schema, document, operationName }: ExecutionArgs): boolean {
  const fields = schema.getSubscriptionType()?.getFields() ?? {}
  const fragmentOf = (name: string) =>
    document.definitions
      .filter((node) => node.kind === Kind.FRAGMENT_DEFINITION)
      .find((node) => node.name.value === name)
  const areShared = (node: { readonly selectionSet: SelectionSetNode } | null | undefined): boolean =>
    node?.selectionSet.selections.every((selection) => {
      if (selection.kind === Kind.FIELD) return fields[selection.name.value]?.extensions.shared === true
      return areShared(selection.kind === Kind.FRAGMENT_SPREAD ? fragmentOf(selection.name.value) : selection)
    }) ?? false
  return areShared(getOperationAST(document, operationName))
}

/**
 * How the subscribers of a shared field see an update. Those with the same selection and the same variables in it get the
 * same bytes; where a field depends on the viewer (`extensions.dependsOnViewer`), only the viewer's own subscriptions do.
 * A field that reads the viewer without declaring it fails, so that nobody gets what another viewer may see.
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

/** The lane of shared executions, which are no single user's work. */
const STREAMS = 'room streams'

/** The viewer of a shared execution. */
const nobody = new Proxy({} as Actor, {
  get() {
    throw new Error('a field that depends on the viewer must say so in its extensions')
  },
})

interface Reading {
  /** The document without what leaves a message unchanged: the operation's name and the arguments of the root field. */
  readonly selection: string
  readonly readsViewer: boolean
  /** Variables outside the root field's own arguments: those that change a message. */
  readonly variables: readonly string[]
}

/** By document and operation's name, on which nothing else of a reading depends. */
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
      // `roomId`, `after` and the like choose where a stream begins; they do not change a message.
      Argument: () => (isRootArgument() ? null : undefined),
      Variable({ name }) {
        variables.add(name.value)
      },
    }),
  )
  return { selection: print(reduced), readsViewer, variables: [...variables].toSorted() }
}
