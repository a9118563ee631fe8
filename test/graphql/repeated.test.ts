import type { GraphQLResolveInfo } from 'graphql'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { schema } from '../../src/graphql/schema.ts'
import { manualClock, type Person, startWorld } from '../world.ts'

/** A query that is repeated, and therefore compiled, has the same response as at first: graphql-js executed that one. */

let world: Awaited<ReturnType<typeof startWorld>>
let group: string
beforeAll(async () => {
  world = await startWorld({ dependencies: { clock: manualClock() } })
  const { alice, bob, carol } = world
  const metadata = { text: '"é" \u2028 \\', list: [1, null, { a: 1.5 }] }
  const participantIds = ['bob', 'carol', 'dave']
  group = (await alice.rest('POST', '/rooms', { type: 'group', name: 'a "group"', metadata, participantIds })).body.id
  await alice.rest('POST', `/rooms/${group}/join`)
  await bob.rest('POST', `/rooms/${group}/join`)
  await alice.rest('DELETE', `/rooms/${group}/participants/carol`)
  await bob.rest('POST', '/rooms', { type: 'p2p', calleeId: 'alice' })
  await carol.rest('PUT', '/blocks/bob')
  await bob.rest('POST', '/rooms', { type: 'p2p', calleeId: 'carol' })
})
afterAll(() => world.close())

interface Params {
  readonly query: string
  readonly variables?: Readonly<Record<string, unknown>> | undefined
  readonly operationName?: string
}

const ACCEPT = 'application/graphql-response+json'
const postedBy = async (person: Person, params: Params) => {
  const headers = { authorization: `Bearer ${person.token}`, 'content-type': 'application/json', accept: ACCEPT }
  const response = await fetch(`${world.url}/graphql`, { method: 'POST', headers, body: JSON.stringify(params) })
  return [response.status, await response.text()] as const
}
const gotBy = async (person: Person, params: Params) => {
  const { query, variables, operationName } = params
  const search = new URLSearchParams({ query, ...(operationName && { operationName }) })
  if (variables) search.set('variables', JSON.stringify(variables))
  const headers = { authorization: `Bearer ${person.token}`, accept: ACCEPT }
  const response = await fetch(`${world.url}/graphql?${search.toString()}`, { headers })
  return [response.status, await response.text()] as const
}

const ROOM = 'id type status name metadata seq createdAt duration hostId reach me { id role state duration }'
const QUERIES: Record<string, Params> = {
  'a page': {
    query: `{ rooms { edges { cursor node { ${ROOM} participants { id uid state reach } } } pageInfo { endCursor } } }`,
  },
  'a page beside all participants': {
    query: `{ rooms { edges { node { participants { state } participantsPage(first: 1) { totalCount edges { cursor node { uid role duration } } pageInfo { hasNextPage } } events(first: 2) { seq type } } } } }`,
  },
  'backward and a cursor': {
    query:
      'query ($last: Int, $before: ID, $filter: RoomFilter) { rooms(last: $last, before: $before, filter: $filter) { edges { node { id } } pageInfo { hasNextPage hasPreviousPage } } }',
    variables: { last: 1, filter: { type: 'GROUP', status: null } },
  },
  'overlapping fragments': {
    query: `query ($id: ID!) { room(id: $id) { ...A participants { state } ...B ... { me { state } } } }
      fragment A on Room { id participants { userId ...P } me { ...P } } fragment B on Room { participants { ...P role } hostId ...A }
      fragment P on Participant { id duration }`,
    variables: { id: 'GROUP' },
  },
  'an error in a nested field': {
    query:
      'query ($id: ID!) { room(id: $id) { id participantsPage(last: 1) { totalCount } } me: rooms(first: 1) { edges { node { id } } } }',
    variables: { id: 'GROUP' },
  },
  'errors in nested fields of a list': {
    query: '{ rooms { edges { node { id events(first: 0) { seq } participantsPage(first: 0) { totalCount } } } } }',
  },
  'an unknown room beside a page': {
    query:
      '{ a: rooms(first: 1) { edges { node { id } } } b: room(id: "0192d5a0-0000-7000-8000-000000000000") { id } }',
  },
  'a room that is not for everybody': {
    query: 'query ($id: ID!) { room(id: $id) { id me { state } } }',
    variables: { id: 'GROUP' },
  },
  'a refused page': { query: '{ rooms(first: 1, last: 1) { edges { node { id } } } }' },
  'an invalid variable': {
    query: 'query ($n: Int!) { rooms(first: $n) { edges { node { id } } } }',
    variables: { n: 'x' },
  },
  'an absent variable': { query: 'query ($n: Int!) { rooms(first: $n) { edges { node { id } } } }' },
  'a default': { query: 'query ($n: Int = 1) { rooms(first: $n) { edges { node { id } } } }' },
  'null in place of a default': {
    query: 'query ($n: Int = 1) { rooms(first: $n) { edges { node { id } } } }',
    variables: { n: null },
  },
  'a list, given as one value': {
    query:
      'query ($s: [ParticipantState!]) { rooms { edges { node { participantsPage(state: $s) { totalCount } } } } }',
    variables: { s: 'JOINED' },
  },
  'the second of several operations': {
    query: 'query A { rooms { edges { node { id } } } } query B { rooms(first: 1) { edges { node { name } } } }',
    operationName: 'B',
  },
  directives: {
    query:
      'query ($no: Boolean!) { rooms { edges { node { id @skip(if: $no) participants @include(if: $no) { uid } me { uid } } } } }',
    variables: { no: true },
  },
}

test.each(Object.entries(QUERIES))('%s is answered to everybody as at first', async (_, params) => {
  const { alice, bob, carol } = world
  const dave = await world.person('dave')
  const people = [alice, bob, carol, dave, await world.person('operator', { scopes: ['rtc:admin'] })]
  const variables = params.variables?.['id'] ? { id: group } : params.variables
  const first: (readonly [number, string])[] = []
  for (const [nth, person] of people.entries()) {
    // A document of its own for each user, which is executed for the first time.
    first.push(await postedBy(person, { ...params, variables, query: `${params.query} # ${nth}` }))
  }
  for (let time = 0; time < 3; time += 1) {
    expect(await Promise.all(people.map((person) => postedBy(person, { ...params, variables })))).toEqual(first)
    expect(await Promise.all(people.map((person) => gotBy(person, { ...params, variables })))).toEqual(first)
  }
})

test.each([
  ['without errors', '{ room { id name } }'],
  ['with an error in a nested field', '{ room { id participantsPage(last: 1, first: 1) { totalCount } } }'],
])('a repeated mutation %s takes effect once per request', async (_, selection) => {
  const { alice, app } = world
  const name = `repeated ${selection}`
  const query = `mutation ($input: CreateRoomInput!) { createRoom(input: $input) ${selection} }`
  const params = { query, variables: { input: { type: 'GROUP', name } } }
  const answers: (readonly [number, string])[] = []
  for (let time = 1; time <= 3; time += 1) {
    answers.push(await postedBy(alice, params))
    expect(await app.prisma.room.count({ where: { name } })).toBe(time)
  }
  const [first, ...others] = answers.map(([status, body]) => [status, body.replaceAll(/[\da-f-]{36}/g, 'an id')])
  expect(others).toEqual([first, first])
})

test('every field of a query or mutation returns what it has returned in an earlier execution of the request', () => {
  const outcomes = new Map([['key', 'the outcome']])
  for (const type of [schema.getQueryType(), schema.getMutationType()]) {
    for (const { name, resolve } of Object.values(type?.getFields() ?? {})) {
      const info = { path: { key: 'key' } } as GraphQLResolveInfo
      expect([name, resolve?.(undefined, {}, { outcomes }, info)]).toEqual([name, 'the outcome'])
    }
  }
})
