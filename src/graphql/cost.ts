import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  getNamedType,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLSchema,
  GraphQLError,
  isCompositeType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  SchemaMetaFieldDef,
  type SelectionSetNode,
  TypeMetaFieldDef,
  type ValueNode,
} from 'graphql'
import { LIMITS } from './limits.ts'

/**
 * The number of items of a list, declared by its field (`extensions.size`): a fixed estimate; the default page size of a
 * field with `first` or `last`; or `charged` for a list without a page size, whose resolver charges the actual number of
 * items to the operation's {@link Work}.
 */
export type ListSize = number | { readonly page: number } | 'charged'

declare module 'graphql' {
  interface GraphQLFieldExtensions<_TSource, _TContext, _TArgs> {
    readonly size?: ListSize
  }
}

interface Price {
  /** Estimated number of values in the response. */
  readonly cost: number
  readonly depth: number
  readonly introspection: number
}

interface Operation {
  readonly schema: GraphQLSchema
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>
  readonly operation: OperationDefinitionNode
  readonly variables: Readonly<Record<string, unknown>>
}

/** @throws GraphQLError when the operation is too deep or its response would have too many values */
export function requireAffordable(operation: Omit<Operation, 'fragments'> & { readonly document: DocumentNode }): void {
  const { cost, depth, introspection } = priceOf(operation)
  if (depth > LIMITS.depth)
    throw new GraphQLError(`The operation has depth ${depth}; at most ${LIMITS.depth} is allowed.`)
  if (cost > LIMITS.cost || introspection > LIMITS.introspectionCost) {
    throw new GraphQLError(
      `The operation costs ${Math.max(cost, introspection)}, about one per value in the response; at most ${LIMITS.cost} is allowed. Request fewer items at a time.`,
    )
  }
}

/** Prices by operation and by the numeric values of its variables, which fully determine a price. */
const prices = new WeakMap<OperationDefinitionNode, Map<string, Price>>()
/** Maximum cached prices per operation; the oldest is evicted first. */
const PRICES_MAX = 16

function priceOf({ document, ...rest }: Parameters<typeof requireAffordable>[0]): Price {
  const { schema, operation, variables } = rest
  const byNumbers = prices.get(operation) ?? new Map<string, Price>()
  prices.set(operation, byNumbers)
  const key = numbersIn(operation, variables)
  const known = byNumbers.get(key)
  if (known) return known
  const root = schema.getRootType(operation.operation)
  const pricing = new Pricing({ ...rest, fragments: fragmentsOf(document) })
  const price = root ? pricing.selection(operation.selectionSet, root) : NOTHING
  byNumbers.set(key, price)
  const [oldest = key] = byNumbers.keys()
  if (byNumbers.size > PRICES_MAX) byNumbers.delete(oldest)
  return price
}

function numbersIn({ variableDefinitions = [] }: OperationDefinitionNode, variables: Operation['variables']): string {
  let key = ''
  for (const { variable } of variableDefinitions) {
    const value = variables[variable.name.value]
    // An absent variable takes its default, which belongs to the operation; non-numbers do not affect the price.
    key += typeof value === 'number' ? `${value},` : value === undefined ? ',' : 'x,'
  }
  return key
}

/** Estimated sizes of lists in the introspection types. */
const META_SIZES: Readonly<Record<string, number>> = {
  '__Type.fields': 8,
  '__Type.inputFields': 6,
  '__Type.enumValues': 6,
  '__Field.args': 2,
  '__Schema.directives': 6,
  '__Directive.args': 2,
}

/** Prices selections. Each selection set is priced once, so a fragment's price is reused at every spread. */
export class Pricing {
  readonly #schema: GraphQLSchema
  readonly #operation: OperationDefinitionNode
  readonly #variables: Readonly<Record<string, unknown>>
  readonly #fragments: ReadonlyMap<string, FragmentDefinitionNode>
  readonly #known = new Map<SelectionSetNode, Price>()
  /** Whether a price depended on a variable. */
  readsVariables = false

  constructor({ schema, fragments, operation, variables }: Operation) {
    this.#schema = schema
    this.#operation = operation
    this.#variables = variables
    this.#fragments = fragments
  }

  selection(set: SelectionSetNode, type: GraphQLCompositeType): Price {
    const known = this.#known.get(set)
    if (known) return known
    let [cost, depth, introspection] = [0, 0, 0]
    for (const selection of set.selections) {
      const price = selection.kind === Kind.FIELD ? this.#field(selection, type) : this.#fragment(selection, type)
      cost += price.cost
      introspection += price.introspection
      depth = Math.max(depth, price.depth)
    }
    const price = { cost, depth, introspection }
    this.#known.set(set, price)
    return price
  }

  #fragment(selection: Exclude<SelectionSetNode['selections'][number], FieldNode>, type: GraphQLCompositeType): Price {
    const fragment = selection.kind === Kind.FRAGMENT_SPREAD ? this.#fragments.get(selection.name.value) : selection
    if (!fragment) return NOTHING
    const condition = fragment.typeCondition && this.#schema.getType(fragment.typeCondition.name.value)
    return this.selection(fragment.selectionSet, isCompositeType(condition) ? condition : type)
  }

  #field(node: FieldNode, parent: GraphQLCompositeType): Price {
    const field = this.#definition(node.name.value, parent)
    if (!field) return { cost: 1, depth: 1, introspection: 0 }
    const type = getNamedType(field.type)
    const within = node.selectionSet && isCompositeType(type) ? this.selection(node.selectionSet, type) : NOTHING
    if (parent.name.startsWith('__') || node.name.value.startsWith('__')) {
      return {
        cost: 0,
        depth: 0,
        introspection: 1 + this.#metaSize(field, parent) * within.introspection + within.cost,
      }
    }
    return {
      cost: 1 + this.#size(node, field) * within.cost,
      depth: 1 + within.depth,
      introspection: within.introspection,
    }
  }

  #definition(name: string, parent: GraphQLCompositeType): GraphQLField<unknown, unknown> | undefined {
    if (name === SchemaMetaFieldDef.name) return SchemaMetaFieldDef
    if (name === TypeMetaFieldDef.name) return TypeMetaFieldDef
    return isObjectType(parent) || 'getFields' in parent ? parent.getFields()[name] : undefined
  }

  #metaSize(field: GraphQLField<unknown, unknown>, parent: GraphQLCompositeType): number {
    const name = `${parent.name}.${field.name}`
    return name === '__Schema.types' ? Object.keys(this.#schema.getTypeMap()).length : (META_SIZES[name] ?? 1)
  }

  #size(node: FieldNode, field: GraphQLField<unknown, unknown>): number {
    const { size } = field.extensions
    if (typeof size === 'number') return size
    if (size === 'charged') return 1
    if (size) return Math.max(0, this.#number(node, 'last') ?? this.#number(node, 'first') ?? size.page)
    const type = isNonNullType(field.type) ? field.type.ofType : field.type
    return isListType(type) ? UNDECLARED : 1
  }

  /** The value of a numeric argument. Other types are ignored; execution coerces and checks the variables. */
  #number(node: FieldNode, name: string): number | undefined {
    const value = node.arguments?.find((argument) => argument.name.value === name)?.value
    return value && this.#numberOf(value)
  }

  #numberOf(value: ValueNode): number | undefined {
    if (value.kind === Kind.INT) return Number(value.value)
    if (value.kind !== Kind.VARIABLE) return undefined
    this.readsVariables = true
    const name = value.name.value
    const given = this.#variables[name]
    if (typeof given === 'number') return given
    const definition = this.#operation.variableDefinitions?.find(({ variable }) => variable.name.value === name)
    return given === undefined && definition?.defaultValue?.kind === Kind.INT
      ? Number(definition.defaultValue.value)
      : undefined
  }
}

const fragmentsOf = ({ definitions }: DocumentNode): ReadonlyMap<string, FragmentDefinitionNode> =>
  new Map(
    definitions
      .filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION)
      .map((fragment) => [fragment.name.value, fragment]),
  )

const NOTHING: Price = { cost: 0, depth: 0, introspection: 0 }
/** Assumed items of a list without a declared size. */
const UNDECLARED = 100
