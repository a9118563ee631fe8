import {
  defaultFieldResolver,
  type ExecutionArgs,
  type FieldNode,
  getArgumentValues,
  getNamedType,
  getNullableType,
  getOperationAST,
  GraphQLBoolean,
  GraphQLError,
  type GraphQLField,
  GraphQLID,
  GraphQLInt,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  GraphQLString,
  isEnumType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  type SelectionSetNode,
  TypeNameMetaFieldDef,
  type ValueNode,
} from 'graphql'
import type { KeptText, KeptTexts } from '../core/kept-texts.ts'
import { collect, handled, infoOf, isPromise, NotCompiled, type Scope } from './compiled-scope.ts'

declare module 'graphql' {
  interface GraphQLObjectTypeExtensions<_TSource, _TContext> {
    /** The objects of this type are immutable. */
    readonly immutable?: boolean
  }
  interface GraphQLFieldExtensions<_TSource, _TContext, _TArgs> {
    /** The value depends on the object only, not on the context; exposed fields need not declare it. */
    readonly derived?: boolean
  }
}

/** One execution of a compiled operation. */
interface Run {
  readonly context: unknown
  /** The coerced variables. */
  readonly variables: Readonly<Record<string, unknown>>
  readonly rootValue?: unknown
  /** Receives what the resolvers of the root fields return, by response key. */
  readonly outcomes?: Map<string, unknown>
  /** Keeps the JSON of immutable objects for the next execution of a writer that `keepsText`. */
  readonly kept?: KeptTexts | undefined
}

/**
 * The JSON of a value. Throws, or rejects, wherever `execute` would add an error.
 *
 * @param kept - of the object at this position of a list
 */
type Write<Value = unknown> = (value: Value, run: Run, kept?: KeptText) => string | Promise<string>

export interface JsonWriter {
  readonly operation: OperationDefinitionNode
  /** Writes the JSON of `data`. */
  write(run: Run): string | Promise<string>
  /** The number of fields, which tells the memory that the writer takes. */
  readonly fields: number
}

interface WriterOptions {
  /** Coerced variables that every execution has. By default, each has its own. */
  readonly variables?: Readonly<Record<string, unknown>>
  /** @default Infinity */
  readonly fieldsMax?: number
  /** Whether executions show the same immutable objects in lists again, whose JSON may then be kept ({@link Run.kept}). */
  readonly keepsText?: boolean
}

/**
 * Compiles an operation to functions that write the JSON of its data, without the objects that `execute` would create. The
 * JSON is the one of `execute` to the byte. Whenever a value is an error, or null in place of one, writing fails, and
 * `execute` must be called, in which a resolver that does more than read must return what is in `outcomes`. The `info` of
 * resolvers has no `rootValue`, and no list indexes in its `path`.
 *
 * @returns undefined for what is rare: several fields of a mutation, directives, interfaces, unions, introspection
 */
export function compileWriter(
  { schema, document, operationName }: Pick<ExecutionArgs, 'schema' | 'document' | 'operationName'>,
  { variables, fieldsMax = Infinity, keepsText = false }: WriterOptions = {},
): JsonWriter | undefined {
  const operation = getOperationAST(document, operationName)
  if (!operation || operation.directives?.length) return undefined
  const type = schema.getRootType(operation.operation)
  if (!type) return undefined
  const definitions = document.definitions.filter((node) => node.kind === Kind.FRAGMENT_DEFINITION)
  const fragments = Object.fromEntries(definitions.map((node) => [node.name.value, node]))
  const scope: Compiling = { args: { schema }, operation, fragments, variables, fieldsMax, keepsText, fields: 0 }
  try {
    const write = objectOf(type, [operation.selectionSet], scope, { isRoot: true })
    return { operation, write: (run) => write(run.rootValue ?? {}, run), fields: scope.fields }
  } catch (error) {
    if (error instanceof NotCompiled || error instanceof GraphQLError) return undefined
    throw error
  }
}

/** The fields are counted as they are compiled. */
type Compiling = Scope & { readonly fieldsMax: number; readonly keepsText: boolean; fields: number }

/** Consecutive fields of an object, whose JSON is written after the prefix. */
interface Part {
  readonly prefix: string
  readonly write: Write
  /** Whether the object alone determines the JSON. */
  readonly derived: boolean
}

function objectOf(
  type: GraphQLObjectType,
  selections: readonly SelectionSetNode[],
  scope: Compiling,
  { isRoot } = { isRoot: false },
): Write {
  const nodes = collect(type, selections, scope)
  // Whether a value has the type is known by its resolver.
  if (type.isTypeOf || nodes.size === 0) throw new NotCompiled()
  // The fields of a mutation are executed one after the other.
  if (isRoot && nodes.size > 1 && scope.operation.operation === OperationTypeNode.MUTATION) throw new NotCompiled()
  const fields = [...nodes].map(([key, fieldNodes], index): Part => ({
    prefix: `${index === 0 ? '{' : ','}${JSON.stringify(key)}:`,
    write: fieldOf(type, fieldNodes, scope, isRoot ? key : undefined),
    derived: isDerivedIn(type, fieldNodes),
  }))
  const write =
    (parts: readonly Part[]): Write =>
    (value, run, kept) => {
      const text = new Text()
      for (const part of parts) text.add(part.prefix, part.write(value, run, kept))
      return text.end('}')
    }
  return keepsTextOf(type, scope) ? keeping(write(withKeptText(fields)), write(fields)) : write(fields)
}

const keepsTextOf = (type: GraphQLOutputType, { keepsText }: Compiling): boolean =>
  keepsText && isObjectType(type) && type.extensions.immutable === true

/** Also the name of the type does not depend on the execution. */
function isDerivedIn(parent: GraphQLObjectType, [node]: readonly FieldNode[]): boolean {
  if (node?.name.value === TypeNameMetaFieldDef.name) return true
  const field = node && parent.getFields()[node.name.value]
  return field !== undefined && isDerived(field)
}

/** Whether the object alone determines the value of a field: a scalar that is exposed, or declared as derived. */
export const isDerived = ({ args, type, extensions }: GraphQLField<unknown, unknown>): boolean =>
  args.length === 0 &&
  isLeafType(getNamedType(type)) &&
  (extensions.derived === true || extensions['pothosExposedField'] !== undefined)

/** Writes an object with what is kept of it, if that is of the same object. */
const keeping =
  (writeKept: Write, write: Write): Write =>
  (value, run, kept) => {
    if (!kept) return write(value, run)
    run.kept?.begin(kept, value)
    return writeKept(value, run, kept)
  }

/** Joins adjacent derived fields, whose JSON is kept. */
function withKeptText(fields: readonly Part[]): Part[] {
  const groups: Part[][] = []
  for (const field of fields) {
    const last = groups.at(-1)
    if (field.derived && last?.[0]?.derived) last.push(field)
    else groups.push([field])
  }
  return groups.flatMap((group, index) =>
    group[0]?.derived ? { prefix: '', write: keptPart(group, index), derived: true } : group,
  )
}

const keptPart =
  (group: readonly Part[], index: number): Write =>
  (value, run, kept) => {
    const known = kept?.parts[index]
    if (known !== undefined) return known
    const written: string[] = []
    for (const { prefix, write } of group) {
      const part = write(value, run)
      if (typeof part !== 'string') throw new NotCompiled()
      written.push(prefix, part)
    }
    // Joined to one string; a concatenation would keep its operands.
    const joined = written.join('')
    if (kept) run.kept?.keep(kept, index, joined)
    return joined
  }

/** Text whose parts may be pending. */
class Text {
  #text = ''
  /** The parts so far, in order; a pending one is empty. Absent while no part is pending. */
  #parts: string[] | undefined
  #pending: Promise<void>[] | undefined

  add(prefix: string, written: string | Promise<string>): void {
    if (typeof written === 'string') {
      this.#text += prefix + written
      return
    }
    const parts = (this.#parts ??= [])
    const pending = (this.#pending ??= [])
    const index = parts.push(this.#text + prefix, '') - 1
    this.#text = ''
    const settled = written.then((part) => {
      parts[index] = part
    })
    pending.push(handled(settled))
  }

  end(close: string): string | Promise<string> {
    const [text, parts] = [this.#text + close, this.#parts]
    if (!parts || !this.#pending) return text
    return handled(Promise.all(this.#pending).then(() => parts.join('') + text))
  }
}

function fieldOf(
  parent: GraphQLObjectType,
  nodes: readonly FieldNode[],
  scope: Compiling,
  rootKey: string | undefined,
): Write {
  scope.fields += 1
  if (scope.fields > scope.fieldsMax) throw new NotCompiled()
  const [node] = nodes
  const field = node && parent.getFields()[node.name.value]
  if (node?.name.value === TypeNameMetaFieldDef.name) return () => JSON.stringify(parent.name)
  if (!field) throw new NotCompiled()
  const write = valueOf(field.type, nodes, scope)
  const { resolve, name } = field
  if (!resolve || resolve === defaultFieldResolver) {
    return (source, run) => {
      const value = (source as Readonly<Record<string, unknown>>)[name]
      if (typeof value === 'function') throw new NotCompiled()
      return isPromise(value) ? handled(value.then((settled) => write(settled, run))) : write(value, run)
    }
  }
  const hasVariables = !scope.variables && (node.arguments?.some(({ value }) => readsVariable(value)) ?? false)
  const constant = hasVariables ? {} : getArgumentValues(field, node, scope.variables)
  const info = infoOf(parent, nodes, field.type, scope)
  const isConstant = scope.variables !== undefined || !scope.operation.variableDefinitions?.length
  const run = (source: unknown, { variables, context }: Run): unknown =>
    resolve(
      source,
      hasVariables ? getArgumentValues(field, node, variables) : { ...constant },
      context,
      isConstant ? info : { ...info, variableValues: variables },
    )
  return (source, execution) => {
    const value = rootKey === undefined ? run(source, execution) : resolveRoot(rootKey, execution, run)
    return isPromise(value) ? handled(value.then((settled) => write(settled, execution))) : write(value, execution)
  }
}

/** Records what the resolver of a root field returns or throws, so that it is not called again. */
function resolveRoot(key: string, run: Run, resolve: (source: unknown, run: Run) => unknown): unknown {
  const { rootValue, outcomes } = run
  try {
    const outcome = resolve(rootValue, run)
    outcomes?.set(key, isPromise(outcome) ? handled(outcome) : outcome)
    return outcome
  } catch (error) {
    outcomes?.set(key, handled(Promise.reject(error as Error)))
    throw error
  }
}

function readsVariable(node: ValueNode): boolean {
  if (node.kind === Kind.VARIABLE) return true
  if (node.kind === Kind.LIST) return node.values.some(readsVariable)
  return node.kind === Kind.OBJECT && node.fields.some(({ value }) => readsVariable(value))
}

function valueOf(type: GraphQLOutputType, nodes: readonly FieldNode[], scope: Compiling): Write {
  if (isNonNullType(type)) {
    const write = valueOf(type.ofType, nodes, scope)
    return (value, run, kept) => {
      if (value === null || value === undefined) throw new NotCompiled()
      return write(value, run, kept)
    }
  }
  const write = nonNullOf(type, nodes, scope)
  return (value, run, kept) => {
    if (value === null || value === undefined) return 'null'
    if (value instanceof Error) throw value
    return write(value, run, kept)
  }
}

function nonNullOf(type: GraphQLOutputType, nodes: readonly FieldNode[], scope: Compiling): Write {
  if (isListType(type)) {
    return listOf(valueOf(type.ofType, nodes, scope), { keepsText: keepsTextOf(getNullableType(type.ofType), scope) })
  }
  if (isLeafType(type)) return leafOf(type)
  if (!isObjectType(type)) throw new NotCompiled()
  return objectOf(
    type,
    nodes.flatMap(({ selectionSet }) => selectionSet ?? []),
    scope,
  )
}

const listOf = (write: Write, { keepsText }: { readonly keepsText: boolean }): Write => {
  const list = {}
  return (value, run) => {
    if (!Array.isArray(value)) throw new NotCompiled()
    const text = new Text()
    let prefix = '['
    let index = 0
    for (const item of value as readonly unknown[]) {
      const kept = keepsText ? run.kept?.of(list, index) : undefined
      text.add(
        prefix,
        isPromise(item) ? handled(item.then((settled) => write(settled, run, kept))) : write(item, run, kept),
      )
      prefix = ','
      index += 1
    }
    return prefix === '[' ? '[]' : text.end(']')
  }
}

function leafOf(type: GraphQLLeafType): Write {
  const serialize = (value: unknown): string => {
    const serialized: unknown = type.serialize(value)
    if (serialized === null || serialized === undefined) throw new NotCompiled()
    if (serialized instanceof Date) return `"${serialized.toISOString()}"`
    // Undefined for what JSON has no form for.
    const text = JSON.stringify(serialized) as string | undefined
    if (text === undefined) throw new NotCompiled()
    return text
  }
  if (type === GraphQLBoolean) return (value) => (typeof value === 'boolean' ? String(value) : serialize(value))
  if (type === GraphQLInt) return (value) => (isInt(value) ? String(value) : serialize(value))
  if (type === GraphQLString || type === GraphQLID) {
    return (value) => (typeof value === 'string' ? quoted(value) : serialize(value))
  }
  if (isEnumType(type)) {
    const names = new Map<unknown, string>(type.getValues().map(({ name, value }) => [value, JSON.stringify(name)]))
    return (value) => names.get(value) ?? serialize(value)
  }
  return serialize
}

/** Whether it is an integer of 32 bits. */
const isInt = (value: unknown): boolean => typeof value === 'number' && (value | 0) === value

/** What JSON escapes; of surrogates, `JSON.stringify` finds out which are lone. */
// oxlint-disable-next-line no-control-regex
const ESCAPED = /["\\\u0000-\u001f\ud800-\udfff]/

const quoted = (text: string): string => (ESCAPED.test(text) ? JSON.stringify(text) : `"${text}"`)
