import {
  defaultFieldResolver,
  execute,
  type ExecutionArgs,
  type ExecutionResult,
  type FieldNode,
  type FragmentDefinitionNode,
  getArgumentValues,
  getOperationAST,
  getVariableValues,
  GraphQLError,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
  TypeNameMetaFieldDef,
} from 'graphql'

type Data = Record<string, unknown>
/** Calls resolvers and completes their values. Throws, or rejects, wherever `execute` would add an error. */
type Complete = (value: unknown, context: unknown) => unknown

/** What a selection is compiled with. */
export interface Scope {
  readonly args: Pick<ExecutionArgs, 'schema'>
  readonly operation: NonNullable<ReturnType<typeof getOperationAST>>
  readonly fragments: Readonly<Record<string, FragmentDefinitionNode>>
  readonly variables: Readonly<Record<string, unknown>>
}

/**
 * Prepares an operation that is executed often, with the same variables. The returned function has the results of
 * `execute`: arguments, types and the order of fields are determined once, and values are completed as `execute` does.
 * Whenever a value is an error, or null in place of one, `execute` is called for the result. Resolvers must therefore
 * only read. Their `info` has no `rootValue`, and no list indexes in its `path`.
 *
 * @returns a function that executes the operation; it creates a context for each attempt
 */
export function compile(
  args: ExecutionArgs,
): (rootValue: unknown, createContext: () => unknown) => MaybePromise<ExecutionResult> {
  const complete = compileOperation(args)
  return (rootValue, createContext) => {
    const interpret = () => execute({ ...args, rootValue, contextValue: createContext() })
    if (!complete) return interpret()
    try {
      const data = complete(rootValue, createContext())
      if (!isPromise(data)) return { data: data as Data }
      return data.then((settled) => ({ data: settled as Data }), interpret)
    } catch {
      return interpret()
    }
  }
}

type MaybePromise<T> = T | Promise<T>

/** Undefined for what is rare: directives, interfaces, unions, and requests that `execute` refuses. */
function compileOperation(args: ExecutionArgs): Complete | undefined {
  const { schema, document, operationName, variableValues } = args
  const operation = getOperationAST(document, operationName)
  const type = operation && schema.getRootType(operation.operation)
  if (!operation || !type) return undefined
  const { coerced } = getVariableValues(schema, operation.variableDefinitions ?? [], variableValues ?? {})
  if (!coerced) return undefined
  const definitions = document.definitions.filter((node) => node.kind === Kind.FRAGMENT_DEFINITION)
  const fragments = Object.fromEntries(definitions.map((node) => [node.name.value, node]))
  try {
    return objectOf(type, [operation.selectionSet], { args, operation, fragments, variables: coerced })
  } catch (error) {
    if (error instanceof NotCompiled || error instanceof GraphQLError) return undefined
    throw error
  }
}

export class NotCompiled extends Error {}

function objectOf(type: GraphQLObjectType, selections: readonly SelectionSetNode[], scope: Scope): Complete {
  const fields = [...collect(type, selections, scope)].map(([key, fieldNodes]) => ({
    key,
    complete: fieldOf(type, fieldNodes, scope),
  }))
  const { isTypeOf } = type
  const info = infoOf(type, [], type, scope)
  return (value, context) => {
    if (isTypeOf && isTypeOf(value, context, info) !== true) throw new NotCompiled()
    const data: Data = {}
    let pending: Promise<void>[] | undefined
    for (const { key, complete } of fields) {
      const result = complete(value, context)
      // Also a pending field keeps its position.
      data[key] = result
      if (!isPromise(result)) continue
      const written = handled(result.then((settled) => void (data[key] = settled)))
      pending = [...(pending ?? []), written]
    }
    return pending ? Promise.all(pending).then(() => data) : data
  }
}

/**
 * The fields of a type's selections by their response keys, in the order in which they first occur. As in `execute`, each
 * fragment is collected once, so that the time does not grow exponentially with the spreads of fragments in fragments.
 */
export function collect(
  type: GraphQLObjectType,
  selections: readonly SelectionSetNode[],
  scope: Scope,
): ReadonlyMap<string, readonly FieldNode[]> {
  const nodes = new Map<string, FieldNode[]>()
  const spread = new Set<string>()
  const visit = (node: SelectionNode): void => {
    if (node.directives?.length) throw new NotCompiled()
    if (node.kind === Kind.FIELD) {
      const key = (node.alias ?? node.name).value
      // It would set the prototype of the data.
      if (key === '__proto__') throw new NotCompiled()
      const known = nodes.get(key)
      if (known) known.push(node)
      else nodes.set(key, [node])
      return
    }
    if (node.kind === Kind.FRAGMENT_SPREAD) {
      if (spread.has(node.name.value)) return
      spread.add(node.name.value)
    }
    const fragment = node.kind === Kind.INLINE_FRAGMENT ? node : scope.fragments[node.name.value]
    if (!fragment || fragment.directives?.length) throw new NotCompiled()
    if ((fragment.typeCondition?.name.value ?? type.name) !== type.name) throw new NotCompiled()
    fragment.selectionSet.selections.forEach(visit)
  }
  for (const selection of selections) selection.selections.forEach(visit)
  return nodes
}

function fieldOf(parent: GraphQLObjectType, nodes: readonly FieldNode[], scope: Scope): Complete {
  const [node] = nodes
  if (node?.name.value === TypeNameMetaFieldDef.name) return () => parent.name
  const field = node && parent.getFields()[node.name.value]
  if (!field) throw new NotCompiled()
  const args = getArgumentValues(field, node, scope.variables)
  const hasArgs = Object.keys(args).length > 0
  const info = infoOf(parent, nodes, field.type, scope)
  const complete = valueOf(field.type, nodes, scope)
  const { resolve = defaultFieldResolver } = field
  return (value, context) => {
    const result: unknown = resolve(value, hasArgs ? { ...args } : {}, context, info)
    return isPromise(result) ? handled(result.then((settled) => complete(settled, context))) : complete(result, context)
  }
}

function valueOf(type: GraphQLOutputType, nodes: readonly FieldNode[], scope: Scope): Complete {
  if (isNonNullType(type)) {
    const complete = valueOf(type.ofType, nodes, scope)
    return (value, context) => {
      if (value === null || value === undefined) throw new NotCompiled()
      return complete(value, context)
    }
  }
  const complete = nonNullOf(type, nodes, scope)
  return (value, context) => {
    if (value instanceof Error) throw value
    return value === null || value === undefined ? null : complete(value, context)
  }
}

function nonNullOf(type: GraphQLOutputType, nodes: readonly FieldNode[], scope: Scope): Complete {
  if (isListType(type)) {
    const complete = valueOf(type.ofType, nodes, scope)
    return (value, context) => {
      if (!Array.isArray(value)) throw new NotCompiled()
      const items = value.map((item: unknown) =>
        isPromise(item) ? handled(item.then((settled) => complete(settled, context))) : complete(item, context),
      )
      return items.some(isPromise) ? Promise.all(items) : items
    }
  }
  if (isLeafType(type)) {
    return (value) => {
      const serialized: unknown = type.serialize(value)
      if (serialized === null || serialized === undefined) throw new NotCompiled()
      return serialized
    }
  }
  if (!isObjectType(type)) throw new NotCompiled()
  const selections = nodes.flatMap(({ selectionSet }) => selectionSet ?? [])
  return objectOf(type, selections, scope)
}

export const infoOf = (
  parentType: GraphQLObjectType,
  fieldNodes: readonly FieldNode[],
  returnType: GraphQLOutputType,
  { args, operation, fragments, variables }: Scope,
): GraphQLResolveInfo => ({
  fieldName: fieldNodes[0]?.name.value ?? '',
  fieldNodes,
  returnType,
  parentType,
  path: { prev: undefined, key: (fieldNodes[0]?.alias ?? fieldNodes[0]?.name)?.value ?? '', typename: parentType.name },
  schema: args.schema,
  fragments: { ...fragments },
  rootValue: undefined,
  operation,
  variableValues: { ...variables },
})

/** As in `execute`, whose promises include those of Prisma. */
export const isPromise = (value: unknown): value is Promise<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'

/** Marks a promise as handled: it may reject after another value has thrown, when nothing awaits it any more. */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  return promise
}
