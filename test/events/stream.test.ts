import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Answer, type Messages, type Person, startWorld, take } from '../world.ts'

const UPDATES = `subscription ($roomId: ID!, $after: Int) {
  roomUpdated(roomId: $roomId, after: $after) {
    seq type at actorId
    participant { id userId state leaveReason }
    room { id status seq endReason duration participants { userId state } }
  }
}`

let statements: string[] = []
let world: Awaited<ReturnType<typeof startWorld>>
beforeAll(async () => {
  world = await startWorld({ dependencies: { onStatement: (sql) => statements.push(sql) } })
})
afterAll(() => world.close())

const call = async (): Promise<string> => {
  const { body } = await world.alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
  return body.id
}
const act = (person: Person, roomId: string, verb: string): Promise<Answer> =>
  person.rest('POST', `/rooms/${roomId}/${verb}`)
const watch = (person: Person, roomId: string, after?: number): Messages =>
  person.subscribe(UPDATES, { roomId, ...(after !== undefined && { after }) })
const updates = async (messages: Messages, count = Infinity) =>
  (await take(messages, count)).map((message) => message.data.roomUpdated)

describe('a room, watched', () => {
  test('shows everything in order from a snapshot on, and completes with its end', async () => {
    const roomId = await call()
    await act(world.alice, roomId, 'join')
    const messages = watch(world.alice, roomId)
    const [snapshot] = await updates(messages, 1)
    expect(snapshot).toMatchObject({ type: 'SNAPSHOT', seq: 2, participant: null, room: { status: 'WAITING', seq: 2 } })

    await act(world.bob, roomId, 'join')
    await act(world.bob, roomId, 'leave')
    const rest = await updates(messages)
    expect(rest.map(({ seq, type }) => [seq, type])).toEqual([
      [3, 'PARTICIPANT_JOINED'],
      [4, 'ROOM_STARTED'],
      [5, 'PARTICIPANT_LEFT'],
      [6, 'ROOM_ENDED'],
    ])
  })

  test('is shown in every update as of its event, not as of now', async () => {
    const roomId = await call()
    await act(world.alice, roomId, 'join')
    await act(world.bob, roomId, 'join')
    await act(world.bob, roomId, 'leave')
    const told = await updates(watch(world.alice, roomId, 0))
    expect(
      told.map(({ type, room }) => [
        type,
        room.status,
        room.seq,
        room.participants.map((p: Answer['body']) => p.state),
      ]),
    ).toEqual([
      ['ROOM_CREATED', 'WAITING', 1, ['INVITED', 'INVITED']],
      ['PARTICIPANT_JOINED', 'WAITING', 2, ['JOINED', 'INVITED']],
      ['PARTICIPANT_JOINED', 'WAITING', 3, ['JOINED', 'JOINED']],
      ['ROOM_STARTED', 'ACTIVE', 4, ['JOINED', 'JOINED']],
      ['PARTICIPANT_LEFT', 'ACTIVE', 5, ['JOINED', 'LEFT']],
      ['ROOM_ENDED', 'ENDED', 6, ['LEFT', 'LEFT']],
    ])
    expect(told[4]).toMatchObject({ actorId: 'bob', participant: { id: `${roomId}:bob`, leaveReason: 'LEFT' } })
  })

  test('resumes behind any cursor with exactly the rest', async () => {
    const roomId = await call()
    for (const person of [world.alice, world.bob]) await act(person, roomId, 'join')
    await act(world.alice, roomId, 'end')
    const all = await updates(watch(world.bob, roomId, 0))
    for (const cursor of all.keys()) {
      expect(await updates(watch(world.bob, roomId, cursor))).toEqual(all.slice(cursor))
    }
    expect(await updates(watch(world.bob, roomId, all.length))).toEqual([])
  })

  test('that has ended is a snapshot and nothing more', async () => {
    const roomId = await call()
    await act(world.alice, roomId, 'end')
    const told = await updates(watch(world.bob, roomId))
    expect(told.map(({ type, room }) => [type, room.status])).toEqual([['SNAPSHOT', 'ENDED']])
  })

  test('loses and repeats nothing when it changes in the middle of subscribing', async () => {
    const { body } = await world.alice.rest('POST', '/rooms', { type: 'group', participantIds: ['bob', 'carol'] })
    const changes = (async () => {
      for (let round = 0; round < 25; round += 1) {
        await act(world.bob, body.id, 'join')
        await act(world.bob, body.id, 'leave')
      }
      await act(world.alice, body.id, 'end')
    })()
    const readers = Array.from({ length: 20 }, (_, index) => watch(world.carol, body.id, index % 2 ? 0 : undefined))
    const stories = await Promise.all(readers.map((reader) => updates(reader)))
    await changes
    for (const story of stories) {
      const numbers = story.map(({ seq }) => seq)
      const [first] = numbers
      expect(numbers).toEqual(numbers.map((_, index) => first + index))
      expect(story.at(-1)?.type).toBe('ROOM_ENDED')
    }
  })

  test('costs no statement per event, however many read it', async () => {
    const roomId = await call()
    const readers = [world.alice, world.alice, world.bob].map((person) => watch(person, roomId))
    await Promise.all(readers.map((reader) => take(reader, 1)))
    statements = []
    // The streams of other tests may still be giving up their leases: those statements are not counted.
    await act(world.bob, roomId, 'join')
    await Promise.all(readers.map((reader) => take(reader, 1)))
    expect(statements.filter((sql) => !sql.includes('"Lease"'))).toHaveLength(1)
  })

  test('is kept for nobody who has gone', async () => {
    const roomId = await call()
    const messages = watch(world.alice, roomId)
    await take(messages, 1)
    const open = world.app.hub.size
    await messages.return?.()
    await expect.poll(() => world.app.hub.size).toBe(open - 1)
  })
})

test('a stream is refused to strangers, for unknown rooms and for a cursor ahead of the room', async () => {
  const roomId = await call()
  const codeOf = async (messages: Messages) => (await take(messages, 1))[0]?.errors?.[0]?.extensions.code
  expect(await codeOf(watch(world.carol, roomId))).toBe('FORBIDDEN')
  expect(await codeOf(watch(world.alice, 'no-room'))).toBe('NOT_FOUND')
  expect(await codeOf(watch(world.alice, roomId, 2))).toBe('BAD_USER_INPUT')
  expect(await codeOf(watch(world.alice, roomId, -1))).toBe('BAD_USER_INPUT')
})
