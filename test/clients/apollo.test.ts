import { type ApolloClient, CombinedGraphQLErrors, gql } from '@apollo/client'
import { firstValueFrom } from 'rxjs'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import WebSocket from 'ws'
import { type Person, startWorld } from '../world.ts'
import { type ApolloApplication, createApollo } from './apollo.ts'
import {
  CreateRoomDocument,
  type CreateRoomInput,
  EndRoomDocument,
  JoinRoomDocument,
  LeaveRoomDocument,
  MeDocument,
  ParticipantStateFragmentDoc,
  RoomDocument,
  RoomsDocument,
  RoomUpdatedDocument,
  type RoomUpdatedSubscription,
} from './generated/graphql.ts'

const UNKNOWN = '01900000-0000-7000-8000-000000000000'

let world: Awaited<ReturnType<typeof startWorld>>
const applications: ApolloApplication[] = []
beforeAll(async () => {
  // Apollo's link reads this global, which browsers and Node from 22 on have, to recognise connection errors.
  vi.stubGlobal('WebSocket', WebSocket)
  world = await startWorld()
})
afterAll(async () => {
  for (const { client, connection } of applications) {
    client.stop()
    await connection.dispose()
  }
  await world.close()
  vi.unstubAllGlobals()
})

function application(token: () => string | undefined): ApolloApplication {
  const created = createApollo(world.url, token)
  applications.push(created)
  return created
}
const apollo = (person: Person): ApolloClient => application(() => person.token).client

async function create(
  client: ApolloClient,
  input: CreateRoomInput = { type: 'P2P', calleeId: 'bob' },
): Promise<string> {
  const { data } = await client.mutate({ mutation: CreateRoomDocument, variables: { input } })
  return data?.createRoom.room.id ?? ''
}
const join = (client: ApolloClient, roomId: string) =>
  client.mutate({ mutation: JoinRoomDocument, variables: { input: { roomId } } })
const leave = (client: ApolloClient, roomId: string) =>
  client.mutate({ mutation: LeaveRoomDocument, variables: { input: { roomId } } })
const end = (client: ApolloClient, roomId: string) =>
  client.mutate({ mutation: EndRoomDocument, variables: { input: { roomId } } })

/** Collects the updates of a room; `ended` resolves when the observable completes. */
function watch(client: ApolloClient, roomId: string, after?: number) {
  const updates: RoomUpdatedSubscription['roomUpdated'][] = []
  const ended = client
    .subscribe({ query: RoomUpdatedDocument, variables: { roomId, after } })
    .forEach(({ data, error }) => {
      if (error) throw error
      if (data) updates.push(data.roomUpdated)
    })
  return { updates, ended, types: () => updates.map(({ type }) => type) }
}

test('a subscription delivers a call from its snapshot to its end, then the observable completes', async () => {
  const [alice, bob] = [apollo(world.alice), apollo(world.bob)]
  const roomId = await create(alice)
  await join(alice, roomId)
  const { updates, ended, types } = watch(alice, roomId)
  await expect.poll(types).toEqual(['SNAPSHOT'])

  await join(bob, roomId)
  await expect.poll(types).toEqual(['SNAPSHOT', 'PARTICIPANT_JOINED', 'ROOM_STARTED'])
  await leave(bob, roomId)
  await ended
  expect(types().slice(3)).toEqual(['PARTICIPANT_LEFT', 'ROOM_ENDED'])
  expect(updates.at(-1)?.room).toMatchObject({ id: roomId, status: 'ENDED', endReason: 'COMPLETED' })
})

describe('the normalised cache', () => {
  test('is updated from the stream, without a refetch', async () => {
    const [alice, bob] = [apollo(world.alice), apollo(world.bob)]
    const roomId = await create(alice)
    await join(alice, roomId)
    const room = { query: RoomDocument, variables: { id: roomId } }
    await alice.query(room)
    const cached = () => alice.readQuery(room)?.room
    const shown: unknown[] = []
    const view = alice
      .watchQuery({ ...room, fetchPolicy: 'cache-only' })
      .subscribe(({ data }) => shown.push(data?.room?.status))

    const { updates, ended } = watch(alice, roomId)
    await expect.poll(() => updates).toHaveLength(1)
    await join(bob, roomId)
    await expect.poll(cached).toMatchObject({
      status: 'ACTIVE',
      seq: 4,
      participants: [
        { userId: 'alice', state: 'JOINED' },
        { userId: 'bob', state: 'JOINED' },
      ],
    })

    await leave(bob, roomId)
    await ended
    expect(cached()).toEqual(updates.at(-1)?.room)
    const ofBob = { fragment: ParticipantStateFragmentDoc, id: `Participant:${roomId}:bob` }
    expect(alice.readFragment(ofBob)).toMatchObject({ state: 'LEFT', leaveReason: 'LEFT' })
    await expect.poll(() => [...new Set(shown)]).toEqual(['WAITING', 'ACTIVE', 'ENDED'])
    view.unsubscribe()
  })

  test('pages through rooms with relayStylePagination, one list for each filter', async () => {
    const dave = apollo(await world.person('dave'))
    const groups: string[] = []
    for (let count = 0; count < 3; count += 1) groups.unshift(await create(dave, { type: 'GROUP' }))
    const call = await create(dave, { type: 'P2P', calleeId: 'erin' })

    const list = dave.watchQuery({ query: RoomsDocument, variables: { filter: { type: 'GROUP' }, first: 2 } })
    const view = list.subscribe(() => {})
    const rooms = () => list.getCurrentResult().data?.rooms
    const ids = () => rooms()?.edges?.map((edge) => edge?.node?.id)
    await expect.poll(ids).toEqual(groups.slice(0, 2))
    expect(rooms()?.pageInfo?.hasNextPage).toBe(true)

    await list.fetchMore({ variables: { after: rooms()?.pageInfo?.endCursor } })
    await expect.poll(ids).toEqual(groups)
    expect(rooms()?.pageInfo?.hasNextPage).toBe(false)

    const { data } = await dave.query({ query: RoomsDocument, variables: { filter: { type: 'P2P' }, first: 2 } })
    expect(data?.rooms.edges.map(({ node }) => node.id)).toEqual([call])
    view.unsubscribe()
  })
})

describe('a refusal is a CombinedGraphQLErrors with code and status', () => {
  async function refusal(answer: Promise<unknown>): Promise<unknown> {
    const error = await answer.then(
      () => undefined,
      (reason: unknown) => reason,
    )
    if (!CombinedGraphQLErrors.is(error)) throw new TypeError('not a GraphQL error', { cause: error })
    return error.errors[0]?.extensions
  }
  const coded = (code: string, status: number) => expect.objectContaining({ code, http: { status } })

  test('of a query', async () => {
    const roomId = await create(apollo(world.alice))
    const carol = apollo(world.carol)
    const room = (id: string) => carol.query({ query: RoomDocument, variables: { id } })
    expect(await refusal(room(roomId))).toEqual(coded('FORBIDDEN', 403))
    expect(await refusal(room(UNKNOWN))).toEqual(coded('NOT_FOUND', 404))
  })

  test('of a mutation', async () => {
    const alice = apollo(world.alice)
    const roomId = await create(alice)
    expect(await refusal(join(apollo(world.carol), roomId))).toEqual(coded('NOT_INVITED', 403))
    await end(alice, roomId)
    expect(await refusal(join(alice, roomId))).toEqual(coded('ROOM_ENDED', 409))
    expect(await refusal(create(alice, { type: 'P2P', calleeId: 'alice' }))).toEqual(coded('BAD_USER_INPUT', 400))
  })

  test('of a subscription, while other subscriptions on the socket continue', async () => {
    const alice = apollo(world.alice)
    const roomId = await create(alice)
    const { updates, ended } = watch(alice, roomId)
    await expect.poll(() => updates).toHaveLength(1)
    expect(await refusal(watch(alice, UNKNOWN).ended)).toEqual(coded('NOT_FOUND', 404))
    expect(await refusal(watch(alice, roomId, 99).ended)).toEqual(coded('BAD_USER_INPUT', 400))
    expect(await refusal(watch(apollo(world.carol), roomId).ended)).toEqual(coded('FORBIDDEN', 403))
    await end(alice, roomId)
    await ended
  })

  test('of a document that is invalid against the schema, over HTTP and WebSocket', async () => {
    const alice = apollo(world.alice)
    const query = alice.query({ query: gql('query { me { secret } }') })
    expect(await refusal(query)).toEqual(coded('BAD_USER_INPUT', 400))
    const subscription = alice.subscribe({ query: gql('subscription { roomUpdated(roomId: "x") { secret } }') })
    const { error } = await firstValueFrom(subscription)
    expect(await refusal(Promise.reject(error))).toEqual(coded('BAD_USER_INPUT', 400))
  })

  test('of a request with an invalid token', async () => {
    const { client } = application(() => 'garbage')
    expect(await refusal(client.query({ query: MeDocument }))).toEqual(coded('UNAUTHENTICATED', 401))
  })
})

describe('the socket of subscriptions', () => {
  test('is closed with 4401 for an invalid token, and not reconnected', async () => {
    const { client, connection } = application(() => 'garbage')
    let attempts = 0
    connection.on('connecting', () => (attempts += 1))
    await expect(watch(client, UNKNOWN).ended).rejects.toThrow('Socket closed with event 4401')
    expect(attempts).toBe(1)
  })

  test('is reconnected with a fresh token when the first one has expired', async () => {
    const tokens = [await world.token('alice', { ttl: -60 })]
    const { client } = application(() => tokens.pop() ?? world.alice.token)
    const roomId = (await world.alice.rest('POST', '/rooms', { type: 'group' })).body.id
    const { ended, types } = watch(client, roomId)
    await expect.poll(types).toEqual(['SNAPSHOT'])
    await world.alice.rest('POST', `/rooms/${roomId}/end`)
    await ended
  })

  test('may be lost: the stream resumes after the last event, with no event lost or repeated', async () => {
    const { client: alice, connection } = application(() => world.alice.token)
    const bob = apollo(world.bob)
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
    await ended

    expect(sockets.length).toBeGreaterThan(1)
    const undisturbed = watch(bob, roomId, 0)
    await undisturbed.ended
    expect(updates).toEqual(undisturbed.updates)
    expect(updates.map(({ seq }) => seq)).toEqual(updates.map((_, index) => index + 1))
  })
})
