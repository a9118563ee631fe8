import { getNamedType, type GraphQLInputType, isInputObjectType } from 'graphql'
import { createClient, type Client } from 'graphql-ws'
import WebSocket from 'ws'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Actor } from '../../src/core/actor.ts'
import { schema } from '../../src/graphql/schema.ts'
import { CreateRoom, JoinRoom } from '../../src/rooms/input.ts'
import { createPerson, type Person, startWorld } from '../world.ts'
import { type Action, type ActionName, actions, tryByPost, tryByRest, type Verdict } from './matrix/actions.ts'

/** The permissions of each role for each action over every transport. Each cell uses a room of its own. */

const ROLES = ['caller', 'present', 'invited', 'former', 'declined', 'removed', 'outsider', 'admin'] as const
type Role = (typeof ROLES)[number]

const [ok, forbidden, uninvited, conflict] = ['ok', 'FORBIDDEN', 'NOT_INVITED', 'CONFLICT']
const toOneself = 'BAD_USER_INPUT'

type Table = Readonly<Record<ActionName, readonly Verdict[]>>

/** A group in which each user has the role of their name; the columns are in the order of {@link ROLES}. */
// oxfmt-ignore
const GROUP: Table = {
  //             caller     present    invited    former     declined   removed    outsider   admin
  read:         [ok,        ok,        ok,        ok,        ok,        forbidden, forbidden, ok],
  participants: [ok,        ok,        ok,        ok,        ok,        forbidden, forbidden, ok],
  join:         [ok,        ok,        ok,        ok,        ok,        forbidden, uninvited, uninvited],
  connection:   [ok,        ok,        forbidden, forbidden, forbidden, forbidden, forbidden, forbidden],
  leave:        [ok,        ok,        ok,        ok,        ok,        forbidden, forbidden, forbidden],
  reject:       [forbidden, conflict,  ok,        conflict,  ok,        forbidden, forbidden, forbidden],
  invite:       [ok,        forbidden, forbidden, forbidden, forbidden, forbidden, forbidden, forbidden],
  remove:       [ok,        forbidden, forbidden, forbidden, forbidden, forbidden, forbidden, ok],
  transferHost: [ok,        forbidden, forbidden, forbidden, forbidden, forbidden, forbidden, ok],
  end:          [ok,        forbidden, forbidden, forbidden, forbidden, forbidden, forbidden, ok],
  update:       [ok,        ok,        forbidden, forbidden, forbidden, forbidden, forbidden, forbidden],
  signal:       [ok,        toOneself, forbidden, forbidden, forbidden, forbidden, forbidden, forbidden],
}

/** A call that `caller` and `present` have joined. */
// oxfmt-ignore
const CALL: Table = {
  //             caller     present    invited    former     declined   removed    outsider   admin
  read:         [ok,        ok,        forbidden, forbidden, forbidden, forbidden, forbidden, ok],
  participants: [ok,        ok,        forbidden, forbidden, forbidden, forbidden, forbidden, ok],
  join:         [ok,        ok,        uninvited, uninvited, uninvited, uninvited, uninvited, uninvited],
  connection:   [ok,        ok,        forbidden, forbidden, forbidden, forbidden, forbidden, forbidden],
  leave:        [ok,        ok,        forbidden, forbidden, forbidden, forbidden, forbidden, forbidden],
  reject:       [forbidden, conflict,  forbidden, forbidden, forbidden, forbidden, forbidden, forbidden],
  invite:       [forbidden, forbidden, forbidden, forbidden, forbidden, forbidden, forbidden, forbidden],
  remove:       [forbidden, forbidden, forbidden, forbidden, forbidden, forbidden, forbidden, forbidden],
  transferHost: [forbidden, forbidden, forbidden, forbidden, forbidden, forbidden, forbidden, forbidden],
  end:          [ok,        ok,        forbidden, forbidden, forbidden, forbidden, forbidden, ok],
  update:       [ok,        ok,        forbidden, forbidden, forbidden, forbidden, forbidden, forbidden],
  signal:       [ok,        toOneself, forbidden, forbidden, forbidden, forbidden, forbidden, forbidden],
}

let world: Awaited<ReturnType<typeof startWorld>>
const people = new Map<Role, { person: Person; client: Client }>()

beforeAll(async () => {
  world = await startWorld()
  for (const role of ROLES) {
    const person = await world.person(role, { scopes: role === 'admin' ? ['rtc:admin'] : [] })
    const client = createClient({
      url: `${world.url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${person.token}` },
      lazy: false,
    })
    people.set(role, { person, client })
  }
})
afterAll(async () => {
  for (const { client } of people.values()) await client.dispose()
  await world.close()
})

const actor = (id: Role): Actor => ({ id, scopes: new Set() })

async function createGroup(): Promise<string> {
  const { rooms } = world.app
  const participantIds = ['present', 'invited', 'former', 'declined', 'removed']
  const { room } = await rooms.create(actor('caller'), CreateRoom.parse({ type: 'group', participantIds }))
  for (const role of ['caller', 'present', 'former', 'removed'] as const) {
    await rooms.join(actor(role), room.id, JoinRoom.parse({}))
  }
  await rooms.leave(actor('former'), room.id)
  await rooms.reject(actor('declined'), room.id, { reason: 'declined' })
  await rooms.remove(actor('caller'), room.id, 'removed')
  return room.id
}

async function createCall(): Promise<string> {
  const { rooms } = world.app
  const { room } = await rooms.create(actor('caller'), CreateRoom.parse({ type: 'p2p', calleeId: 'present' }))
  for (const role of ['caller', 'present'] as const) await rooms.join(actor(role), room.id, JoinRoom.parse({}))
  return room.id
}

async function tryByWebSocket(client: Client, { graphql }: Action, roomId: string): Promise<Verdict> {
  const { value } = await client.iterate({ query: graphql, variables: { roomId } }).next()
  return (value?.errors?.[0]?.extensions?.['code'] as string | undefined) ?? 'ok'
}

const cells = [
  { kind: 'group', table: GROUP, createRoom: createGroup },
  { kind: 'call', table: CALL, createRoom: createCall },
].flatMap(({ kind, table, createRoom }) =>
  Object.entries(table).map(([name, verdicts]) => ({
    kind,
    name,
    verdicts,
    createRoom,
    action: actions[name as ActionName] as Action,
  })),
)

describe.each(cells)('$name in a $kind', ({ verdicts, createRoom, action }) => {
  test.each(ROLES.map((role, index) => [role, verdicts[index]] as const))('by %s: %s', async (role, verdict) => {
    const { person, client } = people.get(role) ?? expect.unreachable()
    if (action.rest) expect(await tryByRest(person, action, await createRoom()), 'REST').toBe(verdict)
    expect(await tryByPost(person, action, await createRoom()), 'POST /graphql').toBe(verdict)
    expect(await tryByWebSocket(client, action, await createRoom()), 'WebSocket').toBe(verdict)
  })

  test('without a token: UNAUTHENTICATED', async () => {
    const nobody = createPerson(world.url, 'nobody', '')
    const roomId = await createRoom()
    if (action.rest) expect(await tryByRest(nobody, action, roomId), 'REST').toBe('UNAUTHENTICATED')
    expect(await tryByPost(nobody, action, roomId), 'POST /graphql').toBe('UNAUTHENTICATED')
  })
})

test('the table covers every mutation on a room', () => {
  const onRooms = Object.values(schema.getMutationType()?.getFields() ?? {})
    .filter(({ args }) => args.some(({ type }) => 'roomId' in inputFields(type)))
    // Administration, such as a webhook for one room, does not depend on the role in the room.
    .filter(({ extensions }) => extensions.access !== 'admin')
    .map(({ name }) => name)
  const tried = Object.values(actions).map(({ graphql }) => graphql)
  expect(onRooms.filter((name) => !tried.some((document) => document.includes(`${name}(`)))).toEqual([])
})

function inputFields(type: GraphQLInputType): object {
  const named = getNamedType(type)
  return isInputObjectType(named) ? named.getFields() : {}
}
