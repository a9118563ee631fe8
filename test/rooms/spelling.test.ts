import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Person, startWorld, take } from '../world.ts'

/** Accepted spellings of ids and times. */

let world: Awaited<ReturnType<typeof startWorld>>
let alice: Person
beforeAll(async () => {
  world = await startWorld()
  ;({ alice } = world)
})
afterAll(() => world.close())

describe('a room id in upper case', () => {
  let id: string
  let upper: string
  beforeAll(async () => {
    ;({
      body: { id },
    } = await alice.rest('POST', '/rooms', { type: 'group', participantIds: ['bob'] }))
    upper = id.toUpperCase()
  })

  test('names the same room in paths, and is returned in lower case', async () => {
    expect((await alice.rest('GET', `/rooms/${upper}`)).body.id).toBe(id)
    expect((await alice.rest('POST', `/rooms/${upper}/join`)).body.id).toBe(id)
    expect((await world.bob.rest('POST', `/rooms/${upper}/join`)).body.participant.id).toBe(`${id}:bob`)
    expect((await alice.rest('GET', `/rooms/${upper}/participants?first=1`)).headers.get('link')).toContain(id)
    const log = await alice.rest('GET', `/rooms/${upper}/events`, undefined, { accept: 'application/json' })
    expect(log.body.events.length).toBeGreaterThan(0)
  })

  test('names the same room in arguments', async () => {
    expect((await alice.graphql('query ($id: ID!) { room(id: $id) { id } }', { id: upper })).body.data.room.id).toBe(id)
    const update = 'mutation ($id: ID!) { updateParticipant(input: { roomId: $id, video: false }) { room { id } } }'
    expect((await alice.graphql(update, { id: upper })).body.data.updateParticipant.room.id).toBe(id)
  })

  test('names the same room in subscriptions, which deliver events and signals', async () => {
    const updates = alice.subscribe('subscription ($id: ID!) { roomUpdated(roomId: $id) { type room { id } } }', {
      id: upper,
    })
    const signals = alice.subscribe('subscription ($id: ID!) { signals(roomId: $id) { roomId fromId } }', { id: upper })
    const signal = signals.next()
    expect(await take(updates, 1)).toEqual([{ data: { roomUpdated: { type: 'SNAPSHOT', room: { id } } } }])
    const send = `mutation ($id: ID!) { sendSignal(input: { roomId: $id, toId: "alice", type: OFFER, payload: {} }) { signal { roomId } } }`
    expect((await world.bob.graphql(send, { id: upper })).body.data.sendSignal.signal.roomId).toBe(id)
    expect((await signal).value).toEqual({ data: { signals: { roomId: id, fromId: 'bob' } } })
    await world.bob.graphql('mutation ($id: ID!) { leaveRoom(input: { roomId: $id }) { room { id } } }', { id: upper })
    expect(await take(updates, 1)).toEqual([{ data: { roomUpdated: { type: 'PARTICIPANT_LEFT', room: { id } } } }])
    await Promise.all([updates.return?.(), signals.return?.()])
  })

  test('names the same cursor', async () => {
    const page = (after: string) => alice.rest('GET', `/rooms?after=${after}`)
    expect((await page(upper)).body).toEqual((await page(id)).body)
    const rooms = 'query ($after: String) { rooms(after: $after) { edges { cursor } } }'
    expect(await alice.graphql(rooms, { after: upper })).toMatchObject({ status: 200 })
  })
})

describe('a time', () => {
  const LIST = 'query ($from: DateTime) { rooms(filter: { from: $from }) { edges { cursor } } }'

  test.each([
    '0001-01-01T00:00:00+14:00',
    '0000-01-01T00:00:00Z',
    '9999-12-31T23:59:59-14:00',
    '+012345-01-01T00:00:00Z',
    '2026-02-30T00:00:00Z',
    '2026-13-01',
    '2026-01-01T25:00:00Z',
    '2026-01-01T10:00:00',
    'yesterday',
    '',
  ])('%s is refused by GraphQL and REST', async (from) => {
    const byGraphQL = await alice.graphql(LIST, { from })
    expect([byGraphQL.status, byGraphQL.body.errors[0].extensions.code]).toEqual([400, 'BAD_USER_INPUT'])
    const literal = await alice.graphql(`{ rooms(filter: { from: ${JSON.stringify(from)} }) { edges { cursor } } }`)
    expect([literal.status, literal.body.errors[0].extensions.code]).toEqual([400, 'BAD_USER_INPUT'])
    const byRest = await alice.rest('GET', `/rooms?from=${encodeURIComponent(from)}`)
    expect([byRest.status, byRest.body.code, byRest.body.errors[0].path]).toEqual([400, 'BAD_USER_INPUT', 'from'])
  })

  test.each([
    '2026-01-31',
    '2026-01-31T10:30:00Z',
    '2026-01-31T10:30:00.123456+05:30',
    '0001-01-01T00:00:00Z',
    '9999-12-31T23:59:59.999Z',
  ])('%s is accepted by GraphQL and REST', async (from) => {
    expect(await alice.graphql(LIST, { from })).toMatchObject({ status: 200 })
    expect(await alice.rest('GET', `/rooms?from=${encodeURIComponent(from)}`)).toMatchObject({ status: 200 })
    expect(await alice.rest('GET', `/rooms?to=${encodeURIComponent(from)}`)).toMatchObject({ status: 200 })
  })

  test('is accepted in a query with an unencoded offset', async () => {
    expect(await alice.rest('GET', '/rooms?from=2026-01-31T10:30:00+00:00')).toMatchObject({ status: 200 })
  })
})
