import { GraphQLID, GraphQLInt, GraphQLNonNull, GraphQLObjectType, GraphQLSchema, parse } from 'graphql'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createContext } from '../../src/graphql/context.ts'
import { createErrorTranslator } from '../../src/graphql/errors.ts'
import { isShared, viewOf } from '../../src/graphql/view.ts'
import { createLogger } from '../../src/core/logger.ts'
import { Pacer } from '../../src/core/pacer.ts'
import type { RoomUpdate } from '../../src/events/event.ts'
import { type Answer, type Messages, type Person, startWorld, take } from '../world.ts'

let statements: string[] = []
let world: Awaited<ReturnType<typeof startWorld>>
beforeAll(async () => {
  world = await startWorld({ dependencies: { onStatement: (sql) => statements.push(sql) } })
})
afterAll(() => world.close())

let subscribers: Messages[] = []
afterEach(async () => {
  for (const subscriber of subscribers) await subscriber.return?.()
  subscribers = []
})
function watch(person: Person | undefined, query: string, variables: Record<string, unknown> = {}): Messages {
  const subscriber = (person ?? world.alice).subscribe(query, variables)
  subscribers.push(subscriber)
  return subscriber
}

const people = () => [world.alice, world.bob, world.carol]
const toggle = (person: Person, roomId: string, audio: boolean) =>
  person.graphql('mutation ($input: UpdateParticipantInput!) { updateParticipant(input: $input) { room { seq } } }', {
    input: { roomId, audio },
  })
const update = async (messages: Messages): Promise<Answer['body']> => {
  const [message] = await take(messages, 1)
  expect(message?.errors).toBeUndefined()
  return message?.data.roomUpdated
}

/** A group that alice, bob and carol have joined. */
async function group(): Promise<string> {
  const { body } = await world.alice.rest('POST', '/rooms', { type: 'group', participantIds: ['bob', 'carol'] })
  for (const person of people()) await person.rest('POST', `/rooms/${body.id}/join`)
  return body.id
}

describe('subscribers with the same operation', () => {
  test('but other defaults of its variables get messages of their own', async () => {
    const roomId = await group()
    const log = (defaults: string) => `subscription ($first: Int${defaults}) {
      roomUpdated(roomId: "${roomId}") { room { events(first: $first) { seq } } }
    }`
    const watched = [watch(world.alice, log(' = 1')), watch(world.bob, log(' = 2')), watch(world.carol, log(''))]
    const [one, two, all] = await Promise.all(watched.map((subscriber) => update(subscriber)))
    expect([one, two].map(({ room }) => room.events.length)).toEqual([1, 2])
    expect(all.room.events.length).toBeGreaterThan(2)
  })

  test('share one execution per event, whatever their cursors', async () => {
    const roomId = await group()
    const LOG = `subscription ($roomId: ID!, $after: Int) {
      roomUpdated(roomId: $roomId, after: $after) { seq room { events(after: 0, first: 50) { seq } } }
    }`
    for (const index of Array(30).keys()) watch(people()[index % 3], LOG, { roomId, ...(index % 2 && { after: 4 }) })
    await Promise.all(subscribers.map((subscriber) => update(subscriber)))
    statements = []
    await toggle(world.bob, roomId, false)
    const updates = await Promise.all(subscribers.map((subscriber) => update(subscriber)))
    expect(new Set(updates.map(({ seq }) => seq)).size).toBe(1)
    expect(updates.every(({ seq, room }) => room.events.length === seq)).toBe(true)
    expect(statements.filter((sql) => /FROM "RoomEvent"/.test(sql))).toHaveLength(1)
  })

  test('get every event in order, also with a field that requires a query per event', async () => {
    const roomId = await group()
    const FETCHING = `subscription ($roomId: ID!) {
      roomUpdated(roomId: $roomId) { seq type room { seq events(first: 1) { seq } } } }`
    const PLAIN = 'subscription ($roomId: ID!) { roomUpdated(roomId: $roomId) { seq type room { seq } } }'
    for (const query of [FETCHING, PLAIN, FETCHING]) watch(world.alice, query, { roomId })
    const first = await Promise.all(subscribers.map((subscriber) => update(subscriber)))
    const changes = Promise.all(Array.from({ length: 40 }, (_, index) => toggle(world.bob, roomId, index % 2 === 0)))
    const from = first[0].seq
    const all = await Promise.all(subscribers.map((subscriber) => take(subscriber, 30)))
    await changes
    for (const messages of all) {
      const numbers = messages.map(({ data }) => data.roomUpdated.seq)
      expect(numbers).toEqual(numbers.map((_, index) => from + 1 + index))
      expect(messages.every(({ data }) => data.roomUpdated.room.seq === data.roomUpdated.seq)).toBe(true)
    }
  })

  test('do not share executions if their variables change the result', async () => {
    const roomId = await group()
    const query = `subscription ($roomId: ID!, $short: Boolean!, $first: Int) {
      roomUpdated(roomId: $roomId) { seq room { id @skip(if: $short) events(first: $first) { seq } } } }`
    const variables = [
      { roomId, short: true, first: 1 },
      { roomId, short: false, first: 1 },
      { roomId, short: true, first: 2 },
    ]
    for (const values of variables) watch(world.alice, query, values)
    await Promise.all(subscribers.map((subscriber) => update(subscriber)))
    await toggle(world.bob, roomId, false)
    const updates = await Promise.all(subscribers.map((subscriber) => update(subscriber)))
    expect(updates.map(({ room }) => [room.id, room.events.length])).toEqual([
      [undefined, 1],
      [roomId, 1],
      [undefined, 2],
    ])
  })
})

describe('an execution is shared', () => {
  const subscriptionOf = (shared: boolean) =>
    new GraphQLSchema({
      query: new GraphQLObjectType({ name: 'Query', fields: { seq: { type: GraphQLInt } } }),
      subscription: new GraphQLObjectType({
        name: 'Subscription',
        fields: { updates: { type: GraphQLInt, extensions: { shared } }, others: { type: GraphQLInt } },
      }),
    })

  test.each([
    ['a field', 'subscription { updates }'],
    ['an alias', 'subscription { mine: updates }'],
    ['a fragment', 'subscription { ...A } fragment A on Subscription { ... { updates } }'],
  ])('for %s only if the root field has the extension', (_form, query) => {
    const document = parse(query)
    expect([true, false].map((shared) => isShared({ schema: subscriptionOf(shared), document }))).toEqual([true, false])
  })

  test('only if every root field is shared, including skipped ones', () => {
    const schema = subscriptionOf(true)
    for (const query of ['subscription { others }', 'subscription { updates others @skip(if: true) }']) {
      expect(isShared({ schema, document: parse(query) })).toBe(false)
    }
  })

  test('not with a skipped second root field, but the stream still works', async () => {
    const roomId = await group()
    const stream = watch(
      world.alice,
      `subscription ($roomId: ID!) {
        signals(roomId: $roomId) @skip(if: true) { seq }
        roomUpdated(roomId: $roomId) { seq type }
      }`,
      { roomId },
    )
    const { seq } = await update(stream)
    await toggle(world.bob, roomId, false)
    expect(await update(stream)).toEqual({ seq: seq + 1, type: 'PARTICIPANT_UPDATED' })
  })
})

describe('a field that depends on the viewer', () => {
  test("has the viewer's own value in every message of every subscriber", async () => {
    const roomId = await group()
    const MINE = `subscription ($roomId: ID!, $after: Int) { roomUpdated(roomId: $roomId, after: $after) {
      seq ...Mine } } fragment Mine on RoomUpdate { room { me { userId audio } } }`
    for (const index of Array(12).keys()) watch(people()[index % 3], MINE, { roomId, ...(index % 2 && { after: 1 }) })
    // Wait for the first message: a later snapshot would already include some of the changes.
    const first = await Promise.all(subscribers.map((subscriber) => take(subscriber, 1)))
    const changes = (async () => {
      for (let round = 0; round < 20; round += 1) await toggle(world.bob, roomId, round % 2 === 0)
    })()
    for (const [index, subscriber] of subscribers.entries()) {
      const seen = [...(first[index] ?? []), ...(await take(subscriber, 15))]
      expect(seen).toHaveLength(16)
      expect(new Set(seen.map(({ data }) => data.roomUpdated.room.me.userId))).toEqual(
        new Set([people()[index % 3]?.id]),
      )
    }
    await changes
  })

  test('is null for an administrator who is not a participant', async () => {
    const roomId = await group()
    const admin = await world.person('root', { scopes: ['rtc:admin'] })
    const stream = watch(admin, `subscription { roomUpdated(roomId: "${roomId}") { room { me { userId } } } }`)
    expect(await update(stream)).toEqual({ room: { me: null } })
  })

  test('fails if it does not declare so, instead of leaking a value to other viewers', () => {
    const leaky = new GraphQLObjectType({
      name: 'Update',
      fields: {
        seq: { type: new GraphQLNonNull(GraphQLInt) },
        secret: {
          type: GraphQLID,
          resolve: (_root, _args, { actor }: { actor: { id: string } }) => actor.id,
        },
      },
    })
    const schema = new GraphQLSchema({
      query: new GraphQLObjectType({ name: 'Query', fields: { seq: { type: GraphQLInt } } }),
      subscription: new GraphQLObjectType({
        name: 'Subscription',
        fields: { updates: { type: leaky, resolve: (update: unknown) => update } },
      }),
    })
    const actor = { id: 'alice', scopes: new Set<string>() }
    const contextValue = createContext({ ...world.app, pacer: new Pacer() }, { actor, lane: 'alice' })
    const args = { schema, document: parse('subscription { updates { seq secret } }'), contextValue }
    const render = viewOf(args, createErrorTranslator(createLogger('silent'))).create()
    const payload = JSON.parse((render({ seq: 1 } as RoomUpdate) as Buffer).toString())
    expect(payload).toMatchObject({
      data: { updates: { seq: 1, secret: null } },
      errors: [{ extensions: { code: 'INTERNAL' } }],
    })
    expect(JSON.stringify(payload)).not.toContain('alice')
  })

  test('is only Room.me: every other field of an update works in a shared execution', async () => {
    const roomId = await group()
    const { body } = await world.alice.graphql(
      `{ introspection: __schema { types { name kind fields { name args { name } type { ...T } } } } }
       fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }`,
    )
    expect(body.errors).toBeUndefined()
    const types = new Map<string, Answer['body']>(
      body.data.introspection.types.map((type: Answer['body']) => [type.name, type]),
    )
    const named = (type: Answer['body']): string => (type.ofType ? named(type.ofType) : type.name)
    const select = (name: string): string =>
      types
        .get(name)
        .fields.filter((field: Answer['body']) => field.name !== 'me')
        .map((field: Answer['body']) => {
          const inner = named(field.type)
          return types.get(inner).kind === 'OBJECT' ? `${field.name} { ${select(inner)} }` : field.name
        })
        .join(' ')
    const stream = watch(world.alice, `subscription { roomUpdated(roomId: "${roomId}") { ${select('RoomUpdate')} } }`)
    expect((await update(stream)).type).toBe('SNAPSHOT')
    await toggle(world.bob, roomId, false)
    expect(await update(stream)).toMatchObject({ type: 'PARTICIPANT_UPDATED', room: { id: roomId } })
  })
})

test('codes errors in messages like all other errors', async () => {
  const roomId = await group()
  const stream = watch(
    world.alice,
    `subscription { roomUpdated(roomId: "${roomId}") { seq room { events(first: 0) { seq } } } }`,
  )
  const [message] = await take(stream, 1)
  expect(message).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] })
})
