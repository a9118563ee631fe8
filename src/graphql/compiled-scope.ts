import {
  type ExecutionArgs,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'

/** What a selection is compiled with. */
export interface Scope {
  readonly args: Pick<ExecutionArgs, 'schema'>
  readonly operation: OperationDefinitionNode
  readonly fragments: Readonly<Record<string, FragmentDefinitionNode>>
  /** The coerced variables of all executions; undefined if each execution has its own. */
  readonly variables: Readonly<Record<string, unknown>> | undefined
}

/** A selection is not compiled, or a value is not written: `execute` must be called. */
export class NotCompiled extends Error {}

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
