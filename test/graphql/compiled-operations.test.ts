import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  buildSchema,
  execute,
  type GraphQLFieldResolver,
  GraphQLError,
  type GraphQLObjectType,
  GraphQLScalarType,
  getNamedType,
  isObjectType,
  parse,
  validate,
} from 'graphql'
import { describe, expect, test, vi } from 'vitest'
import { CompiledOperations, JsonResult } from '../../src/graphql/compiled-operations.ts'
import { compileWriter } from '../../src/graphql/json-writer.ts'
import { renderResult } from '../../src/graphql/operation.ts'
import { compileRenderer } from '../../src/graphql/view.ts'
import { ANSWER_MAX, exceedsBytes } from '../../src/graphql/work.ts'

/**
 * The JSON that compiled queries, and the views of shared subscriptions, write is that of `execute` to the byte, or they fail
 * and `execute` is called.
 */

const schema = buildSchema(/* GraphQL */ `
  scalar Time
  scalar Any
  enum Kind {
    SMALL
    LARGE
  }
  interface Named {
    name: String!
  }
  type Item implements Named {
    name: String!
    text: String
    id: ID!
    kind: Kind!
    maybe: String
    yes: Boolean!
    count: Int
    share: Float
    at: Time
    any: Any
    tags: [String]!
    items(first: Int = 2, prefix: String): [Item!]!
    later: Item
    laterItems: [Item]!
    failing: String
    failingLater: String
    missing: String!
    tooLarge: Int
    notAList: [Int]
    none: Item
  }
  type Mutation {
    make(name: String!): Item!
    refuse: Item
  }
  type Query {
    item(name: String = "root"): Item!
    soon(name: String): Item
    nothing: Item
    fails: Item
    named: Named!
  }
`)
Object.assign(schema.getType('Time') as GraphQLScalarType, { serialize: (value: unknown) => value })

interface Item {
  readonly name: string
  readonly [field: string]: unknown
}
const TEXTS = ['plain', 'a "quote"', 'back\\slash', 'line\nbreak', 'é ✓ 𝒳', '\ud800 lone', '\u2028', '']
const item = (name: string): Item => ({
  name,
  text: TEXTS[name.length % TEXTS.length],
  id: name.length % 2 ? name : 17,
  kind: name.length > 6 ? 'LARGE' : 'SMALL',
  maybe: name.length % 3 ? name : undefined,
  yes: name.length % 2 === 0,
  count: name.length,
  share: name.length / 7,
  at: name.length % 4 ? new Date(name.length * 1e9) : null,
  any: { a: [1, null, 'x"'], b: { when: new Date(0), skipped: undefined } },
  tags: [name, null, 'b'],
  tooLarge: 2 ** 40,
  notAList: 'text',
  none: null,
})
const failure = () => {
  throw new GraphQLError('it fails')
}
const resolvers: Record<string, GraphQLFieldResolver<Item, unknown>> = {
  items: ({ name }, { first, prefix = name }) =>
    Array.from({ length: first as number }, (_, index) => item(`${String(prefix)}-${index}`)),
  later: ({ name }) => Promise.resolve(item(`${name}-later`)),
  laterItems: ({ name }) => [item(`${name}-0`), Promise.resolve(item(`${name}-1`)), null],
  failing: failure,
  failingLater: () => Promise.reject(new GraphQLError('it fails later')),
}
let roots = 0
const rootResolvers: Record<string, GraphQLFieldResolver<unknown, unknown>> = {
  item: (_, { name }) => item(String(name)),
  soon: (_, { name }) => Promise.resolve(item(String(name ?? 'soon'))),
  nothing: () => null,
  fails: failure,
  named: () => ({ ...item('named'), __typename: 'Item' }),
}
const mutationResolvers: Record<string, GraphQLFieldResolver<unknown, unknown>> = {
  make: (_, { name }) => Promise.resolve(item(String(name))),
  refuse: failure,
}
for (const [typeName, byName] of Object.entries({
  Item: resolvers,
  Query: rootResolvers,
  Mutation: mutationResolvers,
})) {
  const fields = (schema.getType(typeName) as GraphQLObjectType).getFields()
  for (const [name, resolve] of Object.entries(byName)) {
    const counted: GraphQLFieldResolver<Item, unknown> = (source, args, context, info) => {
      if (typeName !== 'Item') roots += 1
      return resolve(source, args, context, info)
    }
    Object.assign(fields[name] ?? {}, { resolve: counted })
  }
}

const outcome = { written: 'written', failed: 'failed', notCompiled: 'not compiled' } as const
type Outcome = (typeof outcome)[keyof typeof outcome]

const execution = { createContext: () => ({}), toGraphQLError: (error: unknown) => error as GraphQLError }

/** Compares with `execute`. */
async function run(text: string, variables: Record<string, unknown> = {}): Promise<Outcome> {
  const document = parse(text)
  expect(validate(schema, document)).toEqual([])
  const expected = await execute({ schema, document, variableValues: variables })
  const { data: expectedData, errors: expectedErrors = [] } = expected
  const rendered = await compileRenderer({ schema, document, variableValues: variables })(undefined, execution)
  expect(rendered.toString()).toBe(renderResult({ data: expectedData, errors: expectedErrors }).toString())
  const query = compileWriter({ schema, document }, { fieldsMax: 500 })
  if (!query) return outcome.notCompiled
  roots = 0
  let data: string
  try {
    data = await query.write({ context: {}, variables, outcomes: new Map() })
  } catch {
    expect(expected.errors).toBeDefined()
    return outcome.failed
  }
  expect(`{"data":${data}}`).toBe(JSON.stringify(expected))
  return outcome.written
}

describe('a compiled query writes the JSON of execute for', () => {
  test.each([
    [
      'aliases, enums, ids and nulls',
      '{ item { b: name name a: kind maybe __typename id none { name } } nothing { name } }',
    ],
    [
      'texts',
      `{ ${TEXTS.map((_, n) => `t${n}: item(name: "${'x'.repeat(n)}") { text name at any share tags }`).join(' ')} }`,
    ],
    [
      'promises, in order',
      '{ soon { name later { later { name } kind } laterItems { name later { name } } name } item { name } }',
    ],
    [
      'merged fragments',
      'fragment F on Item { name items { kind } } { item { items { name } ...F ... { maybe } ... on Item { id } } }',
    ],
    ['no fields but a type name', '{ __typename }'],
    ['a mutation', 'mutation { made: make(name: "new") { name items { kind } later { name } } }'],
    [
      'fragments that would have 2^40 fields, if each spread counted',
      `{ ...F0 item { ...G0 } }
       ${Array.from({ length: 40 }, (_, n) => `fragment F${n} on Query { ...F${n + 1} ...F${n + 1} }`).join(' ')}
       ${Array.from({ length: 40 }, (_, n) => `fragment G${n} on Item { ...G${n + 1} ...G${n + 1} }`).join(' ')}
       fragment F40 on Query { __typename item { name } }
       fragment G40 on Item { __typename kind later { name } }`,
    ],
  ])('%s', async (_, query) => {
    expect(await run(query)).toBe(outcome.written)
  })

  test('a field in a fragment that is spread twice, whose resolver gets its node once', async () => {
    const nodes: number[] = []
    const { items } = (schema.getType('Item') as GraphQLObjectType).getFields()
    const resolve = vi.spyOn(items as { resolve: GraphQLFieldResolver<Item, unknown> }, 'resolve')
    resolve.mockImplementation((_source, _args, _context, { fieldNodes }) => {
      nodes.push(fieldNodes.length)
      return []
    })
    const QUERY =
      '{ item { ...F ... { ...F } ...G } } fragment F on Item { items { name } } fragment G on Item { ...F }'
    expect(await run(QUERY)).toBe(outcome.written)
    resolve.mockRestore()
    expect(nodes).toEqual([1, 1, 1])
  })

  test('variables, which differ between executions', async () => {
    const QUERY = 'query ($n: Int!, $p: String) { item(name: $p) { items(first: $n, prefix: $p) { name } } }'
    for (const variables of [{ n: 1 }, { n: 4, p: 'y' }, { n: 0, p: null }]) {
      expect(await run(QUERY, variables)).toBe(outcome.written)
    }
  })
})

describe('a compiled query fails for', () => {
  test.each([
    ['an error', '{ item { name failing } }'],
    ['an error of a promise, beside another', '{ item { failingLater later { failingLater } failing } }'],
    ['null in a required field', '{ item { missing } }'],
    ['a value that its type refuses', '{ item { tooLarge } }'],
    ['a value that is no list', '{ item { notAList } }'],
    ['an error of a root field', '{ item { name } fails { name } }'],
    ['an error of a mutation', 'mutation { refuse { name } }'],
    ['an error in the result of a mutation', 'mutation { make(name: "new") { failing } }'],
  ])('%s', async (_, query) => {
    const unhandled = vi.fn<() => void>()
    process.on('unhandledRejection', unhandled)
    expect(await run(query)).toBe(outcome.failed)
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
  })

  test('which root fields are recorded, so that they are not called again', async () => {
    const query = compileWriter({ schema, document: parse('{ soon { name } item { failing } fails { name } }') })
    const outcomes = new Map<string, unknown>()
    roots = 0
    const writing = Promise.resolve().then(() => query?.write({ context: {}, variables: {}, outcomes }))
    await expect(writing).rejects.toThrow('it fails')
    expect([...outcomes.keys()]).toEqual(['soon', 'item'])
    expect(roots).toBe(2)
  })
})

describe('not compiled:', () => {
  test.each([
    ['directives', '{ item { name @skip(if: true) kind } }'],
    ['interfaces', '{ named { name } }'],
    ['fragments of interfaces', '{ item { ... on Named { name } } }'],
    ['introspection', '{ __schema { queryType { name } } item { name } }'],
    ['a key that objects inherit', '{ item { __proto__: name } }'],
    ['several fields of a mutation', 'mutation { a: make(name: "a") { name } b: make(name: "b") { name } }'],
    ['very many fields', `{ item { ${Array.from({ length: 600 }, (_, n) => `f${n}: name`).join(' ')} } }`],
  ])('%s', async (_, query) => {
    expect(await run(query)).toBe(outcome.notCompiled)
  })
})

test('a large result with times is within the limit whether or not its query is compiled', async () => {
  const operations = new CompiledOperations()
  const document = parse(
    'query ($n: String) { item(name: $n) { name items(first: 3200, prefix: "y") { a: at b: at } } }',
  )
  const variableValues = { n: 'x'.repeat(4_050_000) }
  const context = { fork: () => context }
  for (let time = 1; time <= 3; time += 1) {
    const args = { schema, document, variableValues, contextValue: context }
    const { data, errors } = await operations.execute(args)
    expect({ time, errors, isRefused: exceedsBytes(data, ANSWER_MAX.bytes) }).toEqual({ time, isRefused: false })
  }
})

test('a compiled query retains neither context nor variables of its executions', async () => {
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void
  const operations = new CompiledOperations()
  const document = parse('query ($n: String) { item(name: $n) { name items { kind } } }')
  const executed = async (name: string) => {
    const [contextValue, variableValues] = [{}, { n: name }]
    await operations.execute({ schema, document, contextValue, variableValues })
    return [new WeakRef(contextValue), new WeakRef(variableValues)]
  }
  const references = [await executed('once'), await executed('compiled'), await executed('again')].flat()
  await expect
    .poll(() => {
      collectGarbage()
      return references.map((reference) => reference.deref() === undefined)
    })
    .toEqual(references.map(() => true))
  expect(await operations.execute({ schema, document, contextValue: {} })).toBeInstanceOf(JsonResult)
})

/** A generator of numbers from 0 to `max` - 1. */
function randomFrom(seed: number): (max: number) => number {
  let state = seed
  return (max) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * max)
  }
}

/** A random selection; errors are rare. */
function selection(random: (max: number) => number, typeName: string, depth: number): string {
  const type = schema.getType(typeName) as GraphQLObjectType
  const fields = Object.values(type.getFields()).filter(({ name }) => {
    if (name === 'named') return false
    return !/^(fail|missing|tooLarge|notAList)/.test(name) || random(40) === 0
  })
  const count = 1 + random(6)
  const parts = Array.from({ length: count }, (): string => {
    const kind = random(12)
    if (kind === 0) return '__typename'
    if (kind === 1) return `... on ${typeName} { ${selection(random, typeName, depth)} }`
    const field = fields[random(fields.length)]
    if (!field) return '__typename'
    const named = getNamedType(field.type)
    const isObject = isObjectType(named)
    if (isObject && depth === 0) return '__typename'
    const text = random(4)
    const args = field.name === 'items' ? [`(first: ${text})`, '', '(first: $n)', '(prefix: $p)'][text] : ''
    // The same key always has the same arguments.
    const key = field.args.length > 0 ? `${field.name}_${text}: ` : random(5) === 0 ? `_${field.name}: ` : ''
    return `${key}${field.name}${args}${isObject ? ` { ${selection(random, named.name, depth - 1)} }` : ''}`
  })
  return parts.join(' ')
}

test('random queries have the results of execute', async () => {
  const counts = { written: 0, failed: 0, 'not compiled': 0 }
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = randomFrom(seed)
    const text = `query ($n: Int! = 1, $p: String = "p") { item { items(first: $n, prefix: $p) { name } } ${selection(random, 'Query', 2)} }`
    if (validate(schema, parse(text)).length > 0) continue
    counts[await run(text, { n: random(3), p: TEXTS[random(TEXTS.length)] })] += 1
  }
  expect(counts.written).toBeGreaterThan(100)
  expect(counts.failed).toBeGreaterThan(10)
})
