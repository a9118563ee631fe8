import {
  getNamedType,
  getNullableType,
  type GraphQLField,
  type GraphQLInputType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isSpecifiedScalarType,
} from 'graphql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Actor } from '../../src/core/actor.ts'
import { schema } from '../../src/graphql/schema.ts'
import { EventStreams } from '../../src/http/event-stream.ts'
import type { Route } from '../../src/rest/route.ts'
import { routes } from '../../src/rest/routes.ts'
import { CreateRoom } from '../../src/rooms/input.ts'
import type { Room } from '../../src/rooms/model.ts'
import { type Access, refusalOf } from '../../src/rooms/policy.ts'
import { createBrowser, VAPID_ENV } from '../push/browser.ts'
import { createPerson, manualClock, type Messages, OPERATOR, type Person, startWorld } from '../world.ts'

/** Compares the declared access of each root field and route with the actual responses. */

/** `ok`, or a code of the error table. */
type Verdict = string
const Refused = z.array(z.object({ extensions: z.object({ code: z.string() }) }))
const Problem = z.object({ code: z.string() })

let world: Awaited<ReturnType<typeof startWorld>>
/** A group of alice's with bob. */
let room: Room
let outsider: Person
let nobody: Person

const alice: Actor = { id: 'alice', scopes: new Set() }

beforeAll(async () => {
  // A manual clock, so that the outsider's call rings in every test.
  const env = { ...VAPID_ENV, PUSH_GATEWAY_URL: 'http://127.0.0.1:9' }
  world = await startWorld({ env, dependencies: { clock: manualClock() } })
  outsider = await world.person('outsider')
  nobody = createPerson(world.url, 'nobody', '')
  const created = await world.app.rooms.create(alice, CreateRoom.parse({ type: 'group', participantIds: ['bob'] }))
  room = await world.app.rooms.get(OPERATOR, created.room.id)
  await world.app.rooms.create(alice, CreateRoom.parse({ type: 'p2p', calleeId: 'outsider' }))
})
afterAll(() => world.close())

/** The expected verdict for a user with a token who is not in the room. */
function expectedVerdict(access: Access): Verdict {
  if (access === 'user' || access === 'create') return 'ok'
  if (access === 'admin') return 'FORBIDDEN'
  return refusalOf(access, { actor: { id: 'outsider', scopes: new Set() }, room, userId: 'bob' })?.code ?? 'ok'
}

const KINDS = ['query', 'mutation', 'subscription'] as const
const rootFields = KINDS.flatMap((kind) => {
  const root = {
    query: schema.getQueryType(),
    mutation: schema.getMutationType(),
    subscription: schema.getSubscriptionType(),
  }
  return Object.values(root[kind]?.getFields() ?? {}).map((field) => ({ kind, name: field.name, field }))
})

const { endpoint, keys } = createBrowser('https://fcm.googleapis.com/fcm/send/1').subscription

/** Values of inputs with rules that their types do not express. */
const EXAMPLES: Readonly<Record<string, unknown>> = {
  RegisterPushSubscriptionInput: { endpoint, keys },
  UnregisterPushSubscriptionInput: { endpoint },
}

/** A minimal valid value of an input type, which refers to the room and bob. */
function valueOf(type: GraphQLInputType, name: string): unknown {
  const nullable = getNullableType(type)
  if (isListType(nullable)) return [valueOf(nullable.ofType, name)]
  if (isEnumType(nullable)) return nullable.getValues().find((value) => value.name !== 'P2P')?.name
  if (isInputObjectType(nullable)) {
    if (nullable.name in EXAMPLES) return EXAMPLES[nullable.name]
    const required = Object.values(nullable.getFields()).filter((field) => isNonNullType(field.type))
    return Object.fromEntries(required.map((field) => [field.name, valueOf(field.type, field.name)]))
  }
  if (nullable.name === 'DateTime') return name === 'from' ? '2026-01-01T00:00:00Z' : '2026-01-02T00:00:00Z'
  if (!isSpecifiedScalarType(nullable)) return {}
  return name === 'id' || name === 'roomId' ? room.id : 'bob'
}

async function tryField(
  person: Person,
  { kind, field }: { kind: (typeof KINDS)[number]; field: GraphQLField<unknown, unknown> },
): Promise<Verdict> {
  const given = field.args.filter(({ type }) => isNonNullType(type))
  const variables = Object.fromEntries(given.map(({ name, type }) => [name, valueOf(type, name)]))
  const declared = given.map(({ name, type }) => `$${name}: ${type.toString()}`).join(', ')
  const passed = given.map(({ name }) => `${name}: $${name}`).join(', ')
  const selection = isCompositeType(getNamedType(field.type)) ? '{ __typename }' : ''
  const query = `${kind} ${declared && `(${declared})`} { ${field.name}${passed && `(${passed})`} ${selection} }`
  if (kind === 'subscription' && person.token) return firstOf(person.subscribe(query, variables))
  const { body } = await person.graphql(query, variables)
  return body.errors?.[0].extensions.code ?? 'ok'
}

/** The verdict in the first message. */
async function firstOf(messages: Messages): Promise<Verdict> {
  try {
    const { value } = await messages.next()
    return value.errors?.[0].extensions.code ?? 'ok'
  } catch (errors) {
    return Refused.parse(errors)[0]?.extensions.code ?? 'ok'
  } finally {
    await messages.return?.()
  }
}

async function tryRoute(person: Person, { method, path, input }: Route): Promise<Verdict> {
  const address = path.replace(':id', room.id).replace(':userId', 'bob').replace(':subscriptionId', room.id)
  const { required = [] } = z.toJSONSchema(input, { io: 'input', unrepresentable: 'any' })
  const example: Record<string, unknown> = {
    type: 'group',
    userId: 'bob',
    endpoint,
    keys,
    appId: 'app',
    pushkey: 'key',
  }
  const body = Object.fromEntries(required.map((name) => [name, example[name]]))
  const response = await fetch(`${world.url}/im/api/v1/rtc${address}`, {
    method,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${person.token}` },
    ...(method !== 'GET' && { body: JSON.stringify(body) }),
  })
  if (!response.ok) return Problem.parse(await response.json()).code
  await response.body?.cancel()
  return 'ok'
}

describe('GraphQL', () => {
  test.each(rootFields)('$kind $name declares its access', ({ field }) => {
    expect(field.extensions.access).toBeTypeOf('string')
  })

  test.each(rootFields)('$kind $name enforces its declared access', async ({ kind, field }) => {
    expect(await tryField(nobody, { kind, field }), 'without a token').toBe('UNAUTHENTICATED')
    expect(await tryField(outsider, { kind, field }), 'as an outsider').toBe(
      expectedVerdict(field.extensions.access ?? expect.unreachable()),
    )
  })
})

test('every REST route enforces its declared access', async () => {
  const eventStreams = new EventStreams({
    admit: () => ({ close: () => undefined }),
    clock: world.app.clock,
    connections: world.app.connections,
  })
  const observed: Record<string, Verdict[]> = {}
  const declared: Record<string, Verdict[]> = {}
  for (const route of routes(world.app, eventStreams)) {
    declared[route.operationId] = ['UNAUTHENTICATED', expectedVerdict(route.access)]
    observed[route.operationId] = [await tryRoute(nobody, route), await tryRoute(outsider, route)]
  }
  expect(declared).not.toEqual({})
  expect(observed).toEqual(declared)
})
