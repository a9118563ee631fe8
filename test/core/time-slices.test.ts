import { expect, test } from 'vitest'
import { TimeSlices } from '../../src/core/time-slices.ts'

/** Blocks the event loop for a millisecond. */
function work(): void {
  const end = performance.now() + 1
  while (performance.now() < end);
}

/** Counts the iterations of the event loop until the promise is settled. */
async function iterationsUntil(done: Promise<unknown>): Promise<number> {
  const settled = done.then(() => 'settled')
  for (let iterations = 0; ; iterations += 1) {
    const iteration = new Promise((resolve) => setImmediate(resolve))
    if ((await Promise.race([settled, iteration])) === 'settled') return iterations
  }
}

test('the event loop continues between slices of work', async () => {
  const slices = new TimeSlices()
  const tasks = Array.from({ length: 60 }, () => slices.run('busy', work))
  expect(await iterationsUntil(Promise.all(tasks))).toBeGreaterThan(10)
})

test('a key with many tasks does not delay another key', async () => {
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

test('tasks of one key run in order, never synchronously, and a failure affects one task only', async () => {
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
