import {
  type DocumentNode,
  execute,
  type ExecutionArgs,
  type ExecutionResult,
  getOperationAST,
  getVariableValues,
  type GraphQLError,
  Kind,
  print,
  type SelectionSetNode,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql'
import type { Actor } from '../core/actor.ts'
import type { KeptTexts } from '../core/kept-texts.ts'
import type { Payload, View } from '../events/shared-view.ts'
import type { Context } from './context.ts'
import { compileWriter } from './json-writer.ts'
import { renderResult } from './operation.ts'

declare module 'graphql' {
  interface GraphQLFieldExtensions<_TSource, _TContext, _TArgs> {
    /**
     * On a root field of a subscription: each update is executed once for all subscribers with the same view. The
     * field's `subscribe` must return a {@link RoomStream}.
     */
    readonly shared?: boolean
    /** The value depends on the viewer, so executions are shared only among the viewer's own subscriptions. */
    readonly dependsOnViewer?: boolean
  }
}

/** Whether every root field of the subscription is shared (`extensions.shared`), including fields under `@skip`. */
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
 * Returns the view of a shared field. Subscribers with the same selection and variables share a view and get the same
 * bytes. If a selected field depends on the viewer (`extensions.dependsOnViewer`), only subscriptions of the same viewer
 * share it. A field that reads the viewer without declaring so fails instead of leaking another viewer's data.
 *
 * @param toGraphQLError - from `createErrorTranslator`
 */
export function viewOf(args: ExecutionArgs, toGraphQLError: (error: unknown) => GraphQLError): View {
  const { selection, readsViewer, variables } = analysisOf(args)
  const context = args.contextValue as Context
  const { id, scopes } = context.actor
  const values = variables.length === 0 ? [] : valuesOf(args, variables)
  const name = JSON.stringify([selection, values])
  return {
    name,
    key: readsViewer ? JSON.stringify([name, id, [...scopes].toSorted()]) : name,
    create() {
      const actor = readsViewer ? context.actor : undeclaredViewer
      const render = rendererOf(args, name)
      return (update, kept) => {
        const createContext = () => context.fork({ actor, lane: SHARED_LANE, asOf: update.at })
        return render(update, { createContext, toGraphQLError, kept })
      }
    },
  }
}

interface Execution {
  /** Creates a context for each attempt. */
  readonly createContext: () => unknown
  readonly toGraphQLError: (error: unknown) => GraphQLError
  readonly kept?: KeptTexts | undefined
}
type Render = (rootValue: unknown, execution: Execution) => Payload

/**
 * Prepares an operation that is executed often, with the same variables. The returned function writes the results of
 * `execute` as JSON, and calls `execute` for what the writer does not write. Resolvers must therefore only read.
 */
export function compileRenderer(args: ExecutionArgs): Render {
  const { schema, document, operationName, variableValues } = args
  const definitions = getOperationAST(document, operationName)?.variableDefinitions ?? []
  const { coerced: variables } = getVariableValues(schema, definitions, variableValues ?? {})
  const writer = variables && compileWriter(args, { variables, keepsText: true })
  const interpret = (rootValue: unknown, { createContext, toGraphQLError }: Execution): Payload => {
    const render = ({ data, errors = [] }: ExecutionResult) =>
      renderResult({ data, errors: errors.map(toGraphQLError) })
    const result = execute({ ...args, rootValue, contextValue: createContext() })
    return result instanceof Promise ? result.then(render) : render(result)
  }
  if (!writer) return interpret
  return (rootValue, execution) => {
    try {
      const data = writer.write({ context: execution.createContext(), variables, rootValue, kept: execution.kept })
      if (typeof data === 'string') return messageOf(data)
      return data.then(messageOf, () => interpret(rootValue, execution))
    } catch {
      return interpret(rootValue, execution)
    }
  }
}

const messageOf = (data: string): Buffer => Buffer.from(`{"data":${data}}`)

/** The values that the variables have in an execution. Absent ones differ from null: they use the argument's default. */
function valuesOf({ schema, document, operationName, variableValues }: ExecutionArgs, names: readonly string[]) {
  const definitions = getOperationAST(document, operationName)?.variableDefinitions ?? []
  const { coerced = {} } = getVariableValues(schema, definitions, variableValues ?? {})
  return names.map((name) => (Object.hasOwn(coerced, name) ? [coerced[name]] : []))
}

/** The lane of shared executions, which belong to no single user. */
const SHARED_LANE = 'room streams'

/** Stands in for the viewer in executions that are shared between viewers; every read throws. */
const undeclaredViewer = new Proxy({} as Actor, {
  get() {
    throw new Error('a field that reads the viewer must declare extensions.dependsOnViewer')
  },
})

/** The parts of a subscription that determine the content of its messages. */
interface ViewAnalysis {
  /** The document without the operation's name and the root field's arguments, which do not change a message. */
  readonly selection: string
  readonly readsViewer: boolean
  /** Variables used outside the root field's arguments. */
  readonly variables: readonly string[]
}

/** By document and operation name, which fully determine an analysis. */
const analyses = new WeakMap<DocumentNode, Map<string, ViewAnalysis>>()

function analysisOf({ schema, document, operationName }: ExecutionArgs): ViewAnalysis {
  const byName = analyses.get(document) ?? new Map<string, ViewAnalysis>()
  analyses.set(document, byName)
  const name = operationName ?? ''
  const analysis = byName.get(name) ?? analyse(schema, document, operationName)
  byName.set(name, analysis)
  return analysis
}

/** Compiled selections of a document, as many as clients are expected to pass different variables. */
const RENDERERS_MAX = 8
const renderers = new WeakMap<DocumentNode, Map<string, Render>>()

/** Views of different viewers have the same selection, which is compiled once. */
function rendererOf(args: ExecutionArgs, name: string): Render {
  const ofDocument = renderers.get(args.document) ?? new Map<string, Render>()
  renderers.set(args.document, ofDocument)
  const key = JSON.stringify([args.operationName ?? '', name])
  const render = ofDocument.get(key) ?? compileRenderer(argsWithoutContext(args))
  ofDocument.set(key, render)
  for (const oldest of ofDocument.keys()) {
    if (ofDocument.size <= RENDERERS_MAX) break
    ofDocument.delete(oldest)
  }
  return render
}

/** What belongs to the subscriber who happens to be the first must not be retained. */
const argsWithoutContext = ({ schema, document, operationName, variableValues }: ExecutionArgs): ExecutionArgs => ({
  schema,
  document,
  ...(operationName !== undefined && { operationName }),
  ...(variableValues !== undefined && { variableValues }),
})

function analyse(
  schema: ExecutionArgs['schema'],
  document: DocumentNode,
  operationName: ExecutionArgs['operationName'],
): ViewAnalysis {
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
      // `roomId`, `after` and the like select the stream and its start; they do not change a message.
      Argument: () => (isRootArgument() ? null : undefined),
      Variable({ name }) {
        variables.add(name.value)
      },
    }),
  )
  return { selection: print(reduced), readsViewer, variables: [...variables].toSorted() }
}
