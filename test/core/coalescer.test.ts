import { expect, test } from 'vitest'
import { Coalescer } from '../../src/core/coalescer.ts'

/** A coalescer whose runs the test ends by hand. */
function manualWork() {
  const runs: { key: string; end: () => void; fail: (error: Error) => void }[] = []
  const coalescer = new Coalescer(
    (key) => new Promise((resolve, reject) => runs.push({ key, end: resolve, fail: reject })),
  )
  return { coalescer, runs }
}

const nextIteration = async (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

test('all requests during a run share the next run', async () => {
  const { coalescer, runs } = manualWork()
  const first = coalescer.run('room')
  const others = [coalescer.run('room'), coalescer.run('room'), coalescer.run('room')]
  expect(runs).toHaveLength(1)
  runs[0]?.end()
  await first
  await nextIteration()
  expect(runs).toHaveLength(2)
  runs[1]?.end()
  await Promise.all(others)
  await nextIteration()
  expect(runs).toHaveLength(2)
})

test('a request during a run waits for the next run', async () => {
  const { coalescer, runs } = manualWork()
  const order: string[] = []
  const first = coalescer.run('room').then(() => order.push('first'))
  const second = coalescer.run('room').then(() => order.push('second'))
  runs[0]?.end()
  await first
  await nextIteration()
  expect(order).toEqual(['first'])
  runs[1]?.end()
  await second
  expect(order).toEqual(['first', 'second'])
})

test('a request during the second run gets a third', async () => {
  const { coalescer, runs } = manualWork()
  void coalescer.run('room')
  void coalescer.run('room')
  runs[0]?.end()
  await nextIteration()
  const third = coalescer.run('room')
  runs[1]?.end()
  await nextIteration()
  runs[2]?.end()
  await third
  expect(runs).toHaveLength(3)
})

test('different keys run concurrently', () => {
  const { coalescer, runs } = manualWork()
  void coalescer.run('a')
  void coalescer.run('b')
  expect(runs.map(({ key }) => key)).toEqual(['a', 'b'])
})

test('a failed run rejects its own requests but not those of the next run', async () => {
  const { coalescer, runs } = manualWork()
  const first = coalescer.run('room')
  const second = coalescer.run('room')
  runs[0]?.fail(new Error('database unreachable'))
  await expect(first).rejects.toThrow('database unreachable')
  await nextIteration()
  runs[1]?.end()
  await expect(second).resolves.toBeUndefined()
})
