import { expect, test } from 'vitest'
import { Coalescer } from '../../src/core/coalescer.ts'

/** Work whose runs end when the test says so. */
function manualWork() {
  const runs: { key: string; end: () => void; fail: (error: Error) => void }[] = []
  const coalescer = new Coalescer(
    (key) => new Promise((resolve, reject) => runs.push({ key, end: resolve, fail: reject })),
  )
  return { coalescer, runs }
}

const ticks = async (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

test('requests during a run share one further run', async () => {
  const { coalescer, runs } = manualWork()
  const first = coalescer.run('room')
  const others = [coalescer.run('room'), coalescer.run('room'), coalescer.run('room')]
  expect(runs).toHaveLength(1)
  runs[0]?.end()
  await first
  await ticks()
  expect(runs).toHaveLength(2)
  runs[1]?.end()
  await Promise.all(others)
  await ticks()
  expect(runs).toHaveLength(2)
})

test('a request during a run is not answered by that run', async () => {
  const { coalescer, runs } = manualWork()
  const order: string[] = []
  const first = coalescer.run('room').then(() => order.push('first'))
  const second = coalescer.run('room').then(() => order.push('second'))
  runs[0]?.end()
  await first
  await ticks()
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
  await ticks()
  const third = coalescer.run('room')
  runs[1]?.end()
  await ticks()
  runs[2]?.end()
  await third
  expect(runs).toHaveLength(3)
})

test('keys do not wait for each other', () => {
  const { coalescer, runs } = manualWork()
  void coalescer.run('a')
  void coalescer.run('b')
  expect(runs.map(({ key }) => key)).toEqual(['a', 'b'])
})

test('a run that fails rejects its own requests and not those of the next', async () => {
  const { coalescer, runs } = manualWork()
  const first = coalescer.run('room')
  const second = coalescer.run('room')
  runs[0]?.fail(new Error('the database is away'))
  await expect(first).rejects.toThrow('the database is away')
  await ticks()
  runs[1]?.end()
  await expect(second).resolves.toBeUndefined()
})
