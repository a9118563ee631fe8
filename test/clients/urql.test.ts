import { type Client, type CombinedError, gql, type OperationResult } from '@urql/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type WebSocket from 'ws'
import { type Person, startWorld } from '../world.ts'
import {
  CreateRoomDocument,
  type CreateRoomInput,
  EndRoomDocument,
  JoinRoomDocument,
  LeaveRoomDocument,
  MeDocument,
  RoomDocument,
  RoomUpdatedDocument,
  type RoomUpdatedSubscription,
} from './generated/graphql.ts'
import { createUrql, type UrqlApplication } from './urql.ts'

const UNKNOWN = '01900000-0000-7000-8000-000000000000'

let world: Awaited<ReturnType<typeof startWorld>>
const applications: UrqlApplication[] = []
beforeAll(async () => {
  world = await startWorld()
})
afterAll(async () => {
  for (const { connection } of applications) await connection.dispose()
  await world.close()
})

function application(token: () => string | undefined): UrqlApplication {
  const created = createUrql(world.url, token)
  applications.push(created)
  return created
}
const urql = (person: Person): Client => application(() => person.token).client

async function create(client: Client, input: CreateRoomInput = { type: 'P2P', calleeId: 'bob' }): Promise<string> {
  const { data } = await client.mutation(CreateRoomDocument, { input })
  return data?.createRoom.room.id ?? ''
}
const join = (client: Client, roomId: string) => client.mutation(JoinRoomDocument, { input: { roomId } })
const leave = (client: Client, roomId: string) => client.mutation(LeaveRoomDocument, { input: { roomId } })
const end = (client: Client, roomId: string) => client.mutation(EndRoomDocument, { input: { roomId } })
const room = (client: Client, id: string) => client.query(RoomDocument, { id }).toPromise()

/** Collects the updates of a room; `ended` resolves when urql reports the end. */
function watch(client: Client, roomId: string, after?: number) {
  const updates: RoomUpdatedSubscription['roomUpdated'][] = []
  const ended = new Promise<{ error?: CombinedError }>((resolve) => {
    client.subscription(RoomUpdatedDocument, { roomId, after }).subscribe(({ data, error, hasNext }) => {
      if (error) return resolve({ error })
      if (!hasNext) return resolve({})
      if (data) updates.push(data.roomUpdated)
    })
  })
  return { updates, ended, types: () => updates.map(({ type }) => type) }
}

test('a subscription delivers a call from its snapshot to its end, which urql reports', async () => {
  const [alice, bob] = [urql(world.alice), urql(world.bob)]
  const roomId = await create(alice)
  await join(alice, roomId)
  const { updates, ended, types } = watch(alice, roomId)
  await expect.poll(types).toEqual(['SNAPSHOT'])

  await join(bob, roomId)
  await expect.poll(types).toEqual(['SNAPSHOT', 'PARTICIPANT_JOINED', 'ROOM_STARTED'])
  await leave(bob, roomId)
  expect(await ended).toEqual({})
  expect(types().slice(3)).toEqual(['PARTICIPANT_LEFT', 'ROOM_ENDED'])
  expect(updates.at(-1)?.room).toMatchObject({ id: roomId, status: 'ENDED', endReason: 'COMPLETED' })
})

test('a mutation refreshes earlier queries of the same room', async () => {
  const alice = urql(world.alice)
  const roomId = await create(alice)
  expect((await room(alice, roomId)).data?.room?.status).toBe('WAITING')
  await end(alice, roomId)
  expect((await room(alice, roomId)).data?.room).toMatchObject({ status: 'ENDED', endReason: 'CANCELLED' })
})

describe('a refusal is in graphQLErrors, with code and status', () => {
  async function refusal(answer: PromiseLike<{ error?: CombinedError | undefined }>) {
    const { error } = await answer
    const extensions = error?.graphQLErrors[0]?.extensions
    // Over HTTP, the response's status is that of the error.
    return error?.response ? { ...extensions, http: { status: error.response.status } } : extensions
  }
  const coded = (code: string, status: number) => expect.objectContaining({ code, http: { status } })

  test('of a query', async () => {
    const roomId = await create(urql(world.alice))
    const carol = urql(world.carol)
    expect(await refusal(room(carol, roomId))).toEqual(coded('FORBIDDEN', 403))
    expect(await refusal(room(carol, UNKNOWN))).toEqual(coded('NOT_FOUND', 404))
  })

  test('of a mutation', async () => {
    const alice = urql(world.alice)
    const roomId = await create(alice)
    expect(await refusal(join(urql(world.carol), roomId))).toEqual(coded('NOT_INVITED', 403))
    await end(alice, roomId)
    expect(await refusal(join(alice, roomId))).toEqual(coded('ROOM_ENDED', 409))
    const toMyself = alice.mutation(CreateRoomDocument, { input: { type: 'P2P', calleeId: 'alice' } })
    expect(await refusal(toMyself)).toEqual(coded('BAD_USER_INPUT', 400))
  })

  test('of a subscription, while other subscriptions on the socket continue', async () => {
    const alice = urql(world.alice)
    const roomId = await create(alice)
    const { updates, ended } = watch(alice, roomId)
    await expect.poll(() => updates).toHaveLength(1)
    expect(await refusal(watch(alice, UNKNOWN).ended)).toEqual(coded('NOT_FOUND', 404))
    expect(await refusal(watch(alice, roomId, 99).ended)).toEqual(coded('BAD_USER_INPUT', 400))
    expect(await refusal(watch(urql(world.carol), roomId).ended)).toEqual(coded('FORBIDDEN', 403))
    await end(alice, roomId)
    expect(await ended).toEqual({})
  })

  test('of a document that is invalid against the schema, over HTTP and WebSocket', async () => {
    const alice = urql(world.alice)
    expect(await refusal(alice.query(gql('query { me { secret } }'), {}))).toEqual(coded('BAD_USER_INPUT', 400))
    const subscription = alice.subscription(gql('subscription { roomUpdated(roomId: "x") { secret } }'), {})
    const answer = new Promise<OperationResult>((resolve) => subscription.subscribe(resolve))
    expect(await refusal(answer)).toEqual(coded('BAD_USER_INPUT', 400))
  })

  test('of a request with an invalid token', async () => {
    const { client } = application(() => 'garbage')
    expect(await refusal(client.query(MeDocument, {}))).toEqual(coded('UNAUTHENTICATED', 401))
  })
})

describe('the socket of subscriptions', () => {
  test('is closed with 4401 for an invalid token, and not reconnected', async () => {
    const { client, connection } = application(() => 'garbage')
    let attempts = 0
    connection.on('connecting', () => (attempts += 1))
    const { error } = await watch(client, UNKNOWN).ended
    expect(error?.networkError).toMatchObject({ code: 4401 })
    expect(attempts).toBe(1)
  })

  test('may be lost: the stream resumes after the last event, with no event lost or repeated', async () => {
    const { client: alice, connection } = application(() => world.alice.token)
    const bob = urql(world.bob)
    const sockets: WebSocket[] = []
    connection.on('connected', (socket) => sockets.push(socket as WebSocket))
    const roomId = await create(alice, { type: 'GROUP', participantIds: ['bob'] })
    const { updates, ended } = watch(alice, roomId, 0)
    await expect.poll(() => updates).toHaveLength(1)

    for (let round = 0; round < 5; round += 1) {
      await join(bob, roomId)
      sockets.at(-1)?.terminate()
      await leave(bob, roomId)
    }
    await end(alice, roomId)
    expect(await ended).toEqual({})

    expect(sockets.length).toBeGreaterThan(1)
    const undisturbed = watch(bob, roomId, 0)
    await undisturbed.ended
    expect(updates).toEqual(undisturbed.updates)
    expect(updates.map(({ seq }) => seq)).toEqual(updates.map((_, index) => index + 1))
  })
})
