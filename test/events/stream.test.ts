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

describe('a stream of a room', () => {
  test('begins with a snapshot, delivers every event in order, and completes when the room ends', async () => {
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

  test('contains in every update the room as of that event, not the present room', async () => {
    const roomId = await call()
    await act(world.alice, roomId, 'join')
    await act(world.bob, roomId, 'join')
    await act(world.bob, roomId, 'leave')
    const received = await updates(watch(world.alice, roomId, 0))
    expect(
      received.map(({ type, room }) => [
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
    expect(received[4]).toMatchObject({ actorId: 'bob', participant: { id: `${roomId}:bob`, leaveReason: 'LEFT' } })
  })

  test('resumes after any cursor with exactly the missed events', async () => {
    const roomId = await call()
    for (const person of [world.alice, world.bob]) await act(person, roomId, 'join')
    await act(world.alice, roomId, 'end')
    const all = await updates(watch(world.bob, roomId, 0))
    for (const cursor of all.keys()) {
      expect(await updates(watch(world.bob, roomId, cursor))).toEqual(all.slice(cursor))
    }
    expect(await updates(watch(world.bob, roomId, all.length))).toEqual([])
  })

  test('of an ended room consists of one snapshot', async () => {
    const roomId = await call()
    await act(world.alice, roomId, 'end')
    const received = await updates(watch(world.bob, roomId))
    expect(received.map(({ type, room }) => [type, room.status])).toEqual([['SNAPSHOT', 'ENDED']])
  })

  test('neither loses nor repeats events that are committed while it opens', async () => {
    const { body } = await world.alice.rest('POST', '/rooms', { type: 'group', participantIds: ['bob', 'carol'] })
    const changes = (async () => {
      for (let round = 0; round < 25; round += 1) {
        await act(world.bob, body.id, 'join')
        await act(world.bob, body.id, 'leave')
      }
      await act(world.alice, body.id, 'end')
    })()
    const streams = Array.from({ length: 20 }, (_, index) => watch(world.carol, body.id, index % 2 ? 0 : undefined))
    const histories = await Promise.all(streams.map((stream) => updates(stream)))
    await changes
    for (const history of histories) {
      const seqs = history.map(({ seq }) => seq)
      const [first] = seqs
      expect(seqs).toEqual(seqs.map((_, index) => first + index))
      expect(history.at(-1)?.type).toBe('ROOM_ENDED')
    }
  })

  test('executes no SQL statement per live event, regardless of the number of subscribers', async () => {
    const roomId = await call()
    const streams = [world.alice, world.alice, world.bob].map((person) => watch(person, roomId))
    await Promise.all(streams.map((stream) => take(stream, 1)))
    statements = []
    await act(world.bob, roomId, 'join')
    await Promise.all(streams.map((stream) => take(stream, 1)))
    // Excludes statements about leases: the streams of earlier tests may still be releasing theirs.
    expect(statements.filter((sql) => !sql.includes('"Lease"'))).toHaveLength(1)
  })

  test('is removed from the hub after the client unsubscribed', async () => {
    const roomId = await call()
    const messages = watch(world.alice, roomId)
    await take(messages, 1)
    const open = world.app.hub.size
    await messages.return?.()
    await expect.poll(() => world.app.hub.size).toBe(open - 1)
  })
})

test('a stream is refused without access to the room, for an unknown room, and for a cursor ahead of the room', async () => {
  const roomId = await call()
  const codeOf = async (messages: Messages) => (await take(messages, 1))[0]?.errors?.[0]?.extensions.code
  expect(await codeOf(watch(world.carol, roomId))).toBe('FORBIDDEN')
  expect(await codeOf(watch(world.alice, 'no-room'))).toBe('NOT_FOUND')
  expect(await codeOf(watch(world.alice, roomId, 2))).toBe('BAD_USER_INPUT')
  expect(await codeOf(watch(world.alice, roomId, -1))).toBe('BAD_USER_INPUT')
})
