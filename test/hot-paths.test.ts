import { execute, parse, validate } from 'graphql'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Answer, type Messages, type Person, startWorld, take } from './world.ts'

/**
 * The work of the hot paths, counted: it depends neither on the machine nor on its load. Each path runs once before, so
 * that its document is valid and the tokens are verified.
 */

// Only counts the calls.
vi.mock(import('graphql'), async (original) => {
  const graphql = await original()
  return {
    ...graphql,
    parse: vi.fn<typeof graphql.parse>(graphql.parse),
    validate: vi.fn<typeof graphql.validate>(graphql.validate),
    execute: vi.fn<typeof graphql.execute>(graphql.execute),
  }
})
const verify = vi.spyOn(crypto.subtle, 'verify')
afterAll(() => verify.mockRestore())

const calls = {
  parses: vi.mocked(parse),
  validations: vi.mocked(validate),
  executions: vi.mocked(execute),
  verifications: verify,
}
let statements: string[] = []
beforeEach(() => vi.clearAllMocks())

interface Work {
  readonly statements: number
  readonly parses: number
  readonly validations: number
  readonly executions: number
  readonly verifications: number
}

/** The work of the second of two runs. */
async function workOf(run: () => Promise<unknown>): Promise<Work> {
  await run()
  vi.clearAllMocks()
  statements = []
  await run()
  const count = (name: keyof typeof calls): number => calls[name].mock.calls.length
  return {
    // Leases of earlier streams may still be released.
    statements: statements.filter((sql) => !sql.includes('"Lease"')).length,
    parses: count('parses'),
    validations: count('validations'),
    executions: count('executions'),
    verifications: count('verifications'),
  }
}

/** Nothing is parsed, validated or verified again. */
const warm = (work: Pick<Work, 'statements' | 'executions'>): Work => ({
  parses: 0,
  validations: 0,
  verifications: 0,
  ...work,
})

let world: Awaited<ReturnType<typeof startWorld>>
beforeAll(async () => {
  world = await startWorld({ dependencies: { onStatement: (sql) => statements.push(sql) } })
})
afterAll(() => world.close())

const succeed = async (answer: Promise<Answer>): Promise<Answer['body']> => {
  const { status, body } = await answer
  expect([200, 201]).toContain(status)
  expect(body.errors).toBeUndefined()
  return body
}
const graphql = async (person: Person, query: string, variables: Record<string, unknown>): Promise<Answer['body']> =>
  (await succeed(person.graphql(query, variables))).data

const ROOM = 'query ($id: ID!) { room(id: $id) { id status participants { userId state } } }'
const MY_ROOMS = '{ rooms(first: 20) { edges { node { id status participants { userId state } } } } }'
const CREATE = 'mutation ($input: CreateRoomInput!) { createRoom(input: $input) { room { id } } }'
const JOIN = 'mutation ($input: JoinRoomInput!) { joinRoom(input: $input) { room { seq } participant { state } } }'
const LEAVE = 'mutation ($input: LeaveRoomInput!) { leaveRoom(input: $input) { room { status } } }'
const MUTE = 'mutation ($input: UpdateParticipantInput!) { updateParticipant(input: $input) { room { seq } } }'
const UPDATES =
  'subscription ($id: ID!, $after: Int) { roomUpdated(roomId: $id, after: $after) { seq room { status } } }'

const createGroup = async (participantIds: string[]): Promise<string> =>
  (await succeed(world.alice.rest('POST', '/rooms', { type: 'group', maxParticipants: 100, participantIds }))).id

describe('a query', () => {
  test('of a room takes one statement, and no execution, because it is compiled', async () => {
    const id = await createGroup(['bob', 'carol'])
    expect(await workOf(() => graphql(world.bob, ROOM, { id }))).toEqual(warm({ statements: 1, executions: 0 }))
  })

  test('of my rooms takes one statement and no execution', async () => {
    for (let room = 0; room < 3; room += 1) await createGroup(['bob'])
    expect(await workOf(() => graphql(world.bob, MY_ROOMS, {}))).toEqual(warm({ statements: 1, executions: 0 }))
  })

  test('over REST takes one statement', async () => {
    const id = await createGroup(['bob', 'carol'])
    for (const path of [`/rooms/${id}`, `/rooms/${id}/participants`, `/rooms/${id}/participants?first=1`, '/rooms']) {
      const work = await workOf(() => succeed(world.bob.rest('GET', path)))
      expect(work).toEqual(warm({ statements: 1, executions: 0 }))
    }
  })

  test('that fails is executed by graphql-js with what the root field has returned, in the same statement', async () => {
    const query = async () => {
      const { body } = await world.bob.graphql(ROOM, { id: '0193e000-0000-7000-9000-000000000000' })
      expect(body.errors[0].extensions.code).toBe('NOT_FOUND')
    }
    expect(await workOf(query)).toEqual(warm({ statements: 1, executions: 1 }))
  })

  test('parses, validates and verifies at first use', async () => {
    const dave = await world.person('dave')
    const document = '{ rooms(first: 1) { edges { cursor } } }'
    await graphql(dave, document, {})
    expect(calls.parses).toHaveBeenCalledTimes(1)
    expect(calls.validations).toHaveBeenCalledTimes(1)
    expect(calls.verifications).toHaveBeenCalledTimes(1)
  })
})

describe('a call from create to end', () => {
  test('takes two statements for the creation and one for each further command', async () => {
    const cycle = async () => {
      const input = { type: 'P2P', calleeId: 'bob' }
      const { createRoom } = await graphql(world.alice, CREATE, { input })
      const place = { input: { roomId: createRoom.room.id } }
      await graphql(world.alice, JOIN, place)
      await graphql(world.bob, JOIN, place)
      const { leaveRoom } = await graphql(world.alice, LEAVE, place)
      expect(leaveRoom.room.status).toBe('ENDED')
    }
    expect(await workOf(cycle)).toEqual(warm({ statements: 5, executions: 0 }))
  })

  test('takes no further statement if a device of the callee is connected', async () => {
    const calls = world.bob.subscribe('subscription { incomingCall { type } }')
    await expect.poll(() => world.app.prisma.connectedUser.count()).toBe(1)
    const cycle = async () => {
      const { body } = await world.alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
      expect(body.reach).toBe('connected')
      await succeed(world.alice.rest('POST', `/rooms/${body.id}/end`))
    }
    const { statements: count } = await workOf(cycle)
    expect(count).toBe(3)
    await calls.return?.()
    await expect.poll(() => world.app.prisma.connectedUser.count()).toBe(0)
  })

  test('takes the same statements over REST', async () => {
    const cycle = async () => {
      const { id } = await succeed(world.alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' }))
      for (const person of [world.alice, world.bob]) await succeed(person.rest('POST', `/rooms/${id}/join`))
      await succeed(world.alice.rest('POST', `/rooms/${id}/leave`))
    }
    expect(await workOf(cycle)).toEqual(warm({ statements: 5, executions: 0 }))
  })
})

describe('a stream', () => {
  let streams: Messages[] = []
  afterEach(async () => {
    for (const stream of streams) await stream.return?.()
    streams = []
  })
  const watch = (person: Person, variables: Record<string, unknown>): Messages => {
    const stream = person.subscribe(UPDATES, variables)
    streams.push(stream)
    return stream
  }

  test('of 100 subscribers takes one statement for an event, and no execution', async () => {
    const names = Array.from({ length: 10 }, (_, index) => `reader-${index}`)
    const id = await createGroup(names)
    await succeed(world.alice.rest('POST', `/rooms/${id}/join`))
    const readers = await Promise.all(names.map((name) => world.person(name)))
    for (let copy = 0; copy < 10; copy += 1) for (const reader of readers) watch(reader, { id })
    const next = async () => (await Promise.all(streams.map((stream) => take(stream, 1)))).flat()
    expect(await next()).toHaveLength(100)
    let audio = true
    const work = await workOf(async () => {
      audio = !audio
      const { updateParticipant } = await graphql(world.alice, MUTE, { input: { roomId: id, audio } })
      const { seq } = updateParticipant.room
      for (const { data } of await next()) expect(data.roomUpdated.seq).toBe(seq)
    })
    expect(work).toEqual(warm({ statements: 1, executions: 0 }))
  })

  test('that resumes takes three statements, no execution, because its selection is compiled, and no parse', async () => {
    const id = await createGroup(['bob'])
    await succeed(world.alice.rest('POST', `/rooms/${id}/join`))
    for (const audio of [false, true]) await graphql(world.alice, MUTE, { input: { roomId: id, audio } })
    const work = await workOf(async () => {
      const stream = watch(world.bob, { id, after: 2 })
      const seqs = (await take(stream, 2)).map(({ data }) => data.roomUpdated.seq)
      expect(seqs).toEqual([3, 4])
      await stream.return?.()
      await expect.poll(() => world.app.hub.size).toBe(0)
    })
    expect(work).toEqual(warm({ statements: 3, executions: 0 }))
  })
})
