import {
  buildSchema,
  execute,
  type ExecutionArgs,
  GraphQLError,
  type GraphQLFieldResolver,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  isObjectType,
  parse,
  validate,
} from 'graphql'
import { describe, expect, test, vi } from 'vitest'
import { KeptTexts } from '../../src/core/kept-texts.ts'
import { isDerived } from '../../src/graphql/json-writer.ts'
import { renderResult } from '../../src/graphql/operation.ts'
import { schema as appSchema } from '../../src/graphql/schema.ts'
import { compileRenderer } from '../../src/graphql/view.ts'

const schema: GraphQLSchema = buildSchema(/* GraphQL */ `
  enum Kind {
    SMALL
    LARGE
  }
  interface Named {
    name: String!
  }
  type Item implements Named {
    name: String!
    kind: Kind!
    maybe: String
    items(first: Int = 2, prefix: String): [Item!]!
    later: Item
    laterItems: [Item]!
    failing: String
    failingLater: String
    required: String!
  }
  type Query {
    item: Item!
    named: Named!
  }
`)

interface Item {
  readonly name: string
}
const item = (name: string): Item => ({ name })
const failure = () => {
  throw new GraphQLError('it fails')
}
const resolvers: Record<string, (parent: Item, args: { first: number; prefix?: string }) => unknown> = {
  kind: ({ name }) => (name.length > 4 ? 'LARGE' : 'SMALL'),
  maybe: ({ name }) => (name === 'root' ? undefined : name),
  items: ({ name }, { first, prefix = name }) =>
    Array.from({ length: first }, (_, index) => item(`${prefix}-${index}`)),
  later: ({ name }) => Promise.resolve(item(`${name}-later`)),
  laterItems: ({ name }) => [item(`${name}-0`), Promise.resolve(item(`${name}-1`)), null],
  failing: failure,
  failingLater: () => Promise.reject(new GraphQLError('it fails later')),
  required: () => null,
}
/** Executions by `execute`, which alone tells resolvers the root value. */
let interpreted = 0
const rootField: GraphQLFieldResolver<Record<string, unknown>, unknown> = (root, _args, _context, info) => {
  if (info.rootValue !== undefined) interpreted += 1
  return root[info.fieldName]
}
for (const [typeName, byName] of Object.entries({ Item: resolvers, Query: { item: rootField, named: rootField } })) {
  const type = schema.getType(typeName)
  const fields = isObjectType(type) ? type.getFields() : {}
  for (const [name, resolve] of Object.entries(byName)) Object.assign(fields[name] ?? {}, { resolve })
}
const rootValue = { item: item('root'), named: { ...item('root'), __typename: 'Item' } }

const argsOf = (query: string, variableValues: Record<string, unknown> = {}): ExecutionArgs => {
  const document = parse(query)
  expect(validate(schema, document)).toEqual([])
  return { schema, document, variableValues }
}

/** The rendered result, which must equal the one of `execute` to the byte; and how often `execute` reached the root field. */
async function run(query: string, variables?: Record<string, unknown>) {
  const args = argsOf(query, variables)
  const { data, errors = [] } = await execute({ ...args, rootValue })
  const expected = renderResult({ data, errors }).toString()
  const render = compileRenderer(args)
  interpreted = 0
  const createContext = vi.fn<() => unknown>(() => ({}))
  const execution = { createContext, toGraphQLError: (error: unknown) => error as GraphQLError }
  for (let repeat = 0; repeat < 2; repeat += 1) {
    expect((await render(rootValue, execution)).toString()).toBe(expected)
  }
  const work = { interpreted, contexts: createContext.mock.calls.length }
  return { ...work, sync: !(render(rootValue, execution) instanceof Promise) }
}

describe('a message is the result of execute, without calling it, for', () => {
  test.each([
    ['fields, aliases, enums and nulls', '{ item { b: name name a: kind maybe __typename } }'],
    ['arguments and their defaults', '{ item { items { name } three: items(first: 3, prefix: "x") { name maybe } } }'],
    [
      'fragments whose fields are merged',
      'fragment F on Item { kind items { kind } } { item { items { name } ...F ... on Item { name } ... { maybe } } }',
    ],
  ])('%s', async (_, query) => {
    expect(await run(query)).toEqual({ interpreted: 0, contexts: 2, sync: true })
  })

  test('variables and their defaults', async () => {
    const QUERY = 'query ($n: Int = 1, $p: String) { item { items(first: $n, prefix: $p) { name } } }'
    for (const variables of [{}, { n: 4 }, { p: 'y' }]) {
      expect(await run(QUERY, variables)).toEqual({ interpreted: 0, contexts: 2, sync: true })
    }
  })

  test('promises, in the order of the selection', async () => {
    const QUERY = '{ item { later { later { name } kind } laterItems { name later { name } } name } }'
    expect(await run(QUERY)).toEqual({ interpreted: 0, contexts: 2, sync: false })
  })
})

describe('execute is called, each time with a context of its own, for', () => {
  test.each([
    ['an error', '{ item { name failing kind } }'],
    ['an error of a promise', '{ item { name failingLater later { name } } }'],
    ['an error beside a promise that fails', '{ item { failingLater failing } }'],
    ['null in a required field', '{ item { required } }'],
    ['an error in a list', '{ item { items { name failing } } }'],
  ])('%s', async (_, query) => {
    expect(await run(query)).toMatchObject({ interpreted: 2, contexts: 4 })
  })
})

describe('execute is called at once for', () => {
  test.each([
    ['directives', '{ item { name @skip(if: true) kind } }'],
    ['interfaces', '{ named { name } }'],
    ['fragments of interfaces', '{ item { ... on Named { name } } }'],
    ['a key that objects inherit', '{ item { __proto__: name kind } }'],
  ])('%s', async (_, query) => {
    expect(await run(query)).toMatchObject({ interpreted: 2, contexts: 2 })
  })

  test('variables that are refused', async () => {
    const QUERY = 'query ($n: Int!) { item { items(first: $n) { name } } }'
    expect(await run(QUERY, { n: 'many' })).toMatchObject({ interpreted: 0, contexts: 2 })
  })
})

describe('the JSON of immutable objects', () => {
  const roomSchema = buildSchema(/* GraphQL */ `
    type Person {
      id: ID!
      name: String!
      age: Int!
      role: String
    }
    type Query {
      person: Person
      people: [Person!]!
    }
  `)
  interface Person {
    readonly id: string
    readonly name: string
  }
  /** Names that were resolved. */
  let resolved: string[] = []
  const type = roomSchema.getType('Person') as GraphQLObjectType
  const { id, name, age, role } = type.getFields()
  type.extensions = { immutable: true }
  const derived = { derived: true }
  Object.assign(id ?? {}, { extensions: derived })
  const resolveName = (person: Person) => {
    resolved.push(person.name)
    return person.name
  }
  Object.assign(name ?? {}, { extensions: derived, resolve: resolveName })
  Object.assign(age ?? {}, { resolve: (_: Person, __: object, context: { now: number }) => context.now })
  Object.assign(role ?? {}, { extensions: derived, resolve: () => null })
  const [alice, bob, carol] = ['alice', 'bob', 'carol'].map((who): Person => ({ id: who, name: who }))

  interface Sequence {
    readonly render: ReturnType<typeof compileRenderer>
    readonly kept: KeptTexts
  }
  const sequence = (query: string): Sequence => ({
    render: compileRenderer({ schema: roomSchema, document: parse(query) }),
    kept: new KeptTexts(),
  })
  /** Renders one of a sequence of messages. */
  async function message(query: string, { render, kept }: Sequence, root: object, now: number) {
    const [args, contextValue] = [{ schema: roomSchema, document: parse(query) }, { now }]
    const { data } = await execute({ ...args, rootValue: root, contextValue })
    resolved = []
    const toGraphQLError = (error: unknown) => error as GraphQLError
    const execution = { createContext: () => contextValue, toGraphQLError, kept }
    expect((await render(root, execution)).toString()).toBe(JSON.stringify({ data }))
    return resolved
  }

  test.each([
    ['of derived fields', '{ people { id name role __typename } }'],
    ['around a field that reads the context', '{ people { id n: name age role name } }'],
  ])('%s is written once', async (_, query) => {
    const render = sequence(query)
    const first = await message(query, render, { people: [alice, bob] }, 1)
    expect(new Set(first)).toEqual(new Set(['alice', 'bob']))
    expect(await message(query, render, { people: [alice, bob] }, 2)).toEqual([])
    const changed = { ...bob, name: 'robert' }
    const third = await message(query, render, { people: [alice, changed, carol] }, 3)
    expect(new Set(third)).toEqual(new Set(['robert', 'carol']))
  })

  test('is not mixed up between selections', async () => {
    const QUERIES = [
      '{ person { name } people { name id } more: people { id } }',
      '{ people { id name } }',
      '{ people { name } }',
    ]
    const renders = QUERIES.map(sequence)
    for (let now = 0; now < 9; now += 1) {
      const [query, render] = [QUERIES[now % 3], renders[now % 3]]
      if (query && render) await message(query, render, { person: alice, people: [bob, alice] }, now)
    }
    expect.assertions(9)
  })

  test('depends on no context: fields of such types that count as derived do not read it', () => {
    const unread = new Proxy({}, { get: (_, key) => expect.unreachable(`reads ${String(key)}`) })
    const derivedFields = Object.values(appSchema.getTypeMap())
      .filter(isObjectType)
      .filter(({ extensions }) => extensions.immutable)
      .flatMap((immutable) => Object.values(immutable.getFields()).filter(isDerived))
    for (const { resolve } of derivedFields) void resolve?.({ roomId: 'r' }, {}, unread, unread as GraphQLResolveInfo)
    expect(derivedFields.map((field) => field.name)).toContain('userId')
    expect(derivedFields.map((field) => field.name)).not.toContain('duration')
  })
})
