import { expect, test } from 'vitest'
import { BoundedQueue, ConsumerTooSlow } from '../../src/events/queue.ts'

test('items are returned in the order in which they were pushed, to a waiting consumer as well', async () => {
  const queue = new BoundedQueue<number>(4)
  const early = queue.next()
  for (const item of [1, 2, 3]) queue.push(item)
  expect([await early, await queue.next(), await queue.next()]).toEqual([1, 2, 3])
})

test('a slow consumer fails and is reported once, synchronously; push does not throw', async () => {
  let overflows = 0
  const queue = new BoundedQueue<number>(2, () => (overflows += 1))
  for (const item of [1, 2]) queue.push(item)
  expect(overflows).toBe(0)
  for (const item of [3, 4]) queue.push(item)
  expect(overflows).toBe(1)
  await expect(queue.next()).rejects.toBeInstanceOf(ConsumerTooSlow)
})

test('closing wakes a waiting consumer and ends every later read', async () => {
  const queue = new BoundedQueue<number>(2)
  const waiting = queue.next()
  queue.close()
  queue.push(1)
  expect([await waiting, await queue.next()]).toEqual([undefined, undefined])
})
