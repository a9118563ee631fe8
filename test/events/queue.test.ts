import { expect, test } from 'vitest'
import { BoundedQueue, ConsumerTooSlow } from '../../src/events/queue.ts'

test('items come in the order they were pushed, before and after the reader asks', async () => {
  const queue = new BoundedQueue<number>(4)
  const early = queue.next()
  for (const item of [1, 2, 3]) queue.push(item)
  expect([await early, await queue.next(), await queue.next()]).toEqual([1, 2, 3])
})

test('a reader over the limit fails, keeps nothing, and costs the writer nothing; that it did is said once, at once', async () => {
  let overflows = 0
  const queue = new BoundedQueue<number>(2, () => (overflows += 1))
  for (const item of [1, 2]) queue.push(item)
  expect(overflows).toBe(0)
  for (const item of [3, 4]) queue.push(item)
  expect(overflows).toBe(1)
  await expect(queue.next()).rejects.toBeInstanceOf(ConsumerTooSlow)
})

test('closing wakes a reader that waits, and ends every later read', async () => {
  const queue = new BoundedQueue<number>(2)
  const waiting = queue.next()
  queue.close()
  queue.push(1)
  expect([await waiting, await queue.next()]).toEqual([undefined, undefined])
})
