import { expect, test } from 'vitest'
import { decodeNotices, encodeNotices, type Notice, PendingNotices } from '../../src/events/notice.ts'

const NODE = '01900000-0000-7000-8000-000000000001'
const roomId = (index: number) => `01900000-0000-7000-8000-${String(index).padStart(12, '0')}`

test('any number of notices travels in payloads of fewer than 8000 bytes, none lost', () => {
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

test('of notices about one room the newest is sent, of the others one each', () => {
  const board = new PendingNotices(10)
  for (const seq of [1, 3, 2]) board.put({ kind: 'room', roomId: roomId(1), seq })
  board.put({ kind: 'ringing', roomId: roomId(1), userId: 'bob' })
  board.put({ kind: 'ringing', roomId: roomId(1), userId: 'bob' })
  expect(board.takeAll()).toEqual([
    { kind: 'room', roomId: roomId(1), seq: 3 },
    { kind: 'ringing', roomId: roomId(1), userId: 'bob' },
  ])
  expect(board.size).toBe(0)
})

test('what a user has spent is added up until it is sent, and travels', () => {
  const board = new PendingNotices(10)
  board.put({ kind: 'spending', action: 'redial', key: 'alice\nbob', cost: 3 })
  board.put({ kind: 'spending', action: 'redial', key: 'alice\nbob', cost: 4 })
  board.put({ kind: 'spending', action: 'create', key: 'alice', cost: 12 })
  const notices = board.takeAll()
  expect(notices).toEqual([
    { kind: 'spending', action: 'redial', key: 'alice\nbob', cost: 7 },
    { kind: 'spending', action: 'create', key: 'alice', cost: 12 },
  ])
  expect(encodeNotices(NODE, notices).flatMap((payload) => decodeNotices(payload)?.notices ?? [])).toEqual(notices)
})

test.each([
  ['x', 'an action of tomorrow', 'alice', 1],
  ['x', 'create', 'alice', 0],
  ['x', 'create', 'alice', 'many'],
  ['x', 'create', 7, 1],
])('a spending that cannot be one is passed over: %j', (...tuple) => {
  expect(decodeNotices(JSON.stringify([NODE, tuple]))?.notices).toEqual([])
})

test('what waits is bounded', () => {
  const board = new PendingNotices(2)
  for (const index of [1, 2, 3]) board.put({ kind: 'room', roomId: roomId(index), seq: 1 })
  expect(board.takeAll().map((notice) => ('roomId' in notice ? notice.roomId : notice.key))).toEqual([
    roomId(2),
    roomId(3),
  ])
})

test.each(['', 'nonsense', '{}', '[1]', 'null'])(
  'a notification that no gateway has written is nobody’s: %j',
  (payload) => {
    expect(decodeNotices(payload)).toBeNull()
  },
)

test('a kind of notice that a newer gateway sends is passed over', () => {
  const payload = JSON.stringify([NODE, ['x', roomId(1)], ['r', roomId(2), 5], 7])
  expect(decodeNotices(payload)?.notices).toEqual([{ kind: 'room', roomId: roomId(2), seq: 5 }])
})
