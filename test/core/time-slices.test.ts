import { expect, test } from 'vitest'
import { TimeSlices } from '../../src/core/time-slices.ts'

/** Occupies the event loop for a millisecond. */
function work(): void {
  const end = performance.now() + 1
  while (performance.now() < end);
}

/** Counts the turns of the event loop until the promise is settled. */
async function turnsUntil(done: Promise<unknown>): Promise<number> {
  const over = done.then(() => 'over')
  for (let turns = 0; ; turns += 1) {
    const turn = new Promise((resolve) => setImmediate(resolve))
    if ((await Promise.race([over, turn])) === 'over') return turns
  }
}

test('the event loop turns between slices of work', async () => {
  const slices = new TimeSlices()
  const tasks = Array.from({ length: 60 }, () => slices.run('busy', work))
  expect(await turnsUntil(Promise.all(tasks))).toBeGreaterThan(10)
})

test('one who has much to do does not hold up another', async () => {
  const slices = new TimeSlices()
  const order: string[] = []
  const tasks = Array.from({ length: 60 }, () =>
    slices.run('busy', () => {
      work()
      order.push('busy')
    }),
  )
  tasks.push(slices.run('modest', () => void order.push('modest')))
  await Promise.all(tasks)
  expect(order.indexOf('modest')).toBeLessThan(10)
})

test('tasks of one key run in their order, in the microtask after they came, and fail alone', async () => {
  const slices = new TimeSlices()
  const order: number[] = []
  const failed = slices.run('a', () => {
    order.push(1)
    throw new Error('no')
  })
  const done = slices.run('a', () => order.push(2))
  expect(order).toEqual([])
  await expect(failed).rejects.toThrow('no')
  await done
  expect(order).toEqual([1, 2])
})
