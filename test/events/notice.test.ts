import { expect, test } from 'vitest'
import {
  decodeNotices,
  encodeNotice,
  encodeNotices,
  EVERY_NODE,
  EVERYBODY,
  isFrom,
  LOG_TOPIC,
  type Notice,
  PendingNotices,
  roomTopic,
  topicOf,
  userTopic,
} from '../../src/events/notice.ts'

const NODE = '01900000-0000-7000-8000-000000000001'
const roomId = (index: number) => `01900000-0000-7000-8000-${String(index).padStart(12, '0')}`

test('notices are encoded in payloads of fewer than 8000 bytes without loss', () => {
  const longest = '\u{1F600}'.repeat(128)
  const notices = Array.from({ length: 1000 }, (_, index): Notice => {
    if (index % 3 === 0) return { kind: 'room', roomId: roomId(index), seq: index }
    return { kind: index % 3 === 1 ? 'ringing' : 'signal', roomId: roomId(index), userId: longest }
  })
  const payloads = encodeNotices(NODE, notices)
  expect(Math.max(...payloads.map((payload) => Buffer.byteLength(payload)))).toBeLessThan(8000)
  const decoded = payloads.map(decodeNotices)
  expect(decoded.every((message) => message?.nodeId === NODE)).toBe(true)
  expect(decoded.flatMap((message) => message?.notices ?? [])).toEqual(notices)
})

test('a node recognises its own payloads without decoding them', () => {
  const own = encodeNotices(NODE, [{ kind: 'log' }])
  const others = encodeNotices(roomId(2), [{ kind: 'connections', requestId: NODE, userId: NODE, disconnect: false }])
  expect([own, others].map((payloads) => payloads.map((payload) => isFrom(NODE, payload)))).toEqual([[true], [false]])
})

test('pending notices about the same room or user are merged', () => {
  const pending = new PendingNotices(10)
  for (const seq of [1, 3, 2]) pending.put({ kind: 'room', roomId: roomId(1), seq })
  pending.put({ kind: 'ringing', roomId: roomId(1), userId: 'bob' })
  pending.put({ kind: 'ringing', roomId: roomId(1), userId: 'bob' })
  expect(pending.takeAll()).toEqual([
    { kind: 'room', roomId: roomId(1), seq: 3 },
    { kind: 'ringing', roomId: roomId(1), userId: 'bob' },
  ])
  expect(pending.size).toBe(0)
})

test('pending notices about the same rate are summed, and can be encoded', () => {
  const pending = new PendingNotices(10)
  pending.put({ kind: 'spending', action: 'redial', key: 'alice\nbob', cost: 3 })
  pending.put({ kind: 'spending', action: 'redial', key: 'alice\nbob', cost: 4 })
  pending.put({ kind: 'spending', action: 'create', key: 'alice', cost: 12 })
  const notices = pending.takeAll()
  expect(notices).toEqual([
    { kind: 'spending', action: 'redial', key: 'alice\nbob', cost: 7 },
    { kind: 'spending', action: 'create', key: 'alice', cost: 12 },
  ])
  expect(encodeNotices(NODE, notices).flatMap((payload) => decodeNotices(payload)?.notices ?? [])).toEqual(notices)
})

test('a notice of a rewritten log can be encoded', () => {
  const notices: Notice[] = [{ kind: 'rewritten', roomId: roomId(1) }]
  expect(encodeNotices(NODE, notices).flatMap((payload) => decodeNotices(payload)?.notices ?? [])).toEqual(notices)
})

test('a question for the connections of a user and its answer can be encoded', () => {
  const notices: Notice[] = [
    { kind: 'connections', requestId: roomId(1), userId: 'bob', disconnect: true },
    { kind: 'connected', requestId: roomId(1), nodeId: NODE, connections: [['websocket', 1_764_000_000_000]] },
  ]
  expect(encodeNotices(NODE, notices).flatMap((payload) => decodeNotices(payload)?.notices ?? [])).toEqual(notices)
  const invalid = JSON.stringify([
    NODE,
    ['q', roomId(1), 7, 1],
    ['a', roomId(1), NODE, 'none'],
    ['a', roomId(1), NODE, [7]],
  ])
  expect(decodeNotices(invalid)?.notices).toEqual([
    { kind: 'connected', requestId: roomId(1), nodeId: NODE, connections: [] },
  ])
})

test.each([
  ['x', 'an unknown action', 'alice', 1],
  ['x', 'create', 'alice', 0],
  ['x', 'create', 'alice', 'many'],
  ['x', 'create', 7, 1],
])('an invalid spending notice is ignored: %j', (...tuple) => {
  expect(decodeNotices(JSON.stringify([NODE, tuple]))?.notices).toEqual([])
})

test('the number of pending notices is bounded; the oldest is dropped', () => {
  const pending = new PendingNotices(2)
  for (const index of [1, 2, 3]) pending.put({ kind: 'room', roomId: roomId(index), seq: 1 })
  expect(pending.takeAll().map((notice) => ('roomId' in notice ? notice.roomId : notice.kind))).toEqual([
    roomId(2),
    roomId(3),
  ])
})

test.each(['', 'nonsense', '{}', '[1]', 'null'])(
  'a notification that no gateway sent is not decoded: %j',
  (payload) => {
    expect(decodeNotices(payload)).toBeNull()
  },
)

test('an unknown kind of notice is ignored', () => {
  const payload = JSON.stringify([NODE, ['x', roomId(1)], ['r', roomId(2), 5], 7])
  expect(decodeNotices(payload)?.notices).toEqual([{ kind: 'room', roomId: roomId(2), seq: 5 }])
})

test('each notice goes to the nodes that watch its topic', () => {
  const topic = (notice: Notice) => topicOf(notice)
  expect(topic({ kind: 'room', roomId: roomId(1), seq: 2 })).toBe(roomTopic(roomId(1)))
  expect(topic({ kind: 'signal', roomId: roomId(1), userId: 'bob' })).toBe(roomTopic(roomId(1)))
  expect(topic({ kind: 'ringing', roomId: roomId(1), userId: 'bob' })).toBe(userTopic('bob'))
  expect(topic({ kind: 'ringing', roomId: roomId(1), userId: EVERYBODY })).toBe(EVERY_NODE)
  expect(topic({ kind: 'spending', action: 'create', key: 'bob', cost: 1 })).toBe(EVERY_NODE)
  expect(topic({ kind: 'log' })).toBe(LOG_TOPIC)
})

test('the topic of a user is a single subject token, whatever characters the id has', () => {
  const topics = ['a.b', '*', '>', ' ', 'Zoë', '\u{1F600}'.repeat(128)].map(userTopic)
  expect(topics.filter((topic) => !/^user\.[\w-]+$/.test(topic))).toEqual([])
  expect(new Set(topics).size).toBe(topics.length)
})

test('a notice that the log has grown can be encoded', () => {
  expect(decodeNotices(encodeNotice(NODE, { kind: 'log' }))?.notices).toEqual([{ kind: 'log' }])
})
