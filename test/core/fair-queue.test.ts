import { expect, test } from 'vitest'
import { FairBatchQueue } from '../../src/core/fair-batch-queue.ts'
import { FairQueue } from '../../src/core/fair-queue.ts'

const BOUNDS = { perUser: 3, total: 5 }

/** A task that ends when it is told to. */
function gate() {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open: () => open(), opened }
}

test('users take turns, and each of them is served in order', async () => {
  const queue = new FairQueue({ perUser: 10, total: 100 })
  const served: string[] = []
  const first = gate()
  const work = [queue.take('room', 'alice', () => first.opened)]
  const ask = (user: string | null, name: string) =>
    work.push(
      queue.take('room', user, async () => {
        served.push(name)
      }),
    )
  for (const name of ['a1', 'a2', 'a3']) ask('alice', name)
  ask('bob', 'b1')
  ask(null, 'tick')
  ask('bob', 'b2')
  first.open()
  await Promise.all(work)
  expect(served).toEqual(['a1', 'b1', 'tick', 'a2', 'b2', 'a3'])
})

test('what waits is bounded per user and in all; what nobody asked for is never refused', async () => {
  const queue = new FairQueue(BOUNDS)
  const first = gate()
  const work: Promise<void>[] = [queue.take('room', 'alice', () => first.opened)]
  const wait = (user: string | null) => work.push(queue.take('room', user, async () => undefined))
  for (let asked = 0; asked < 3; asked += 1) wait('alice')
  await expect(queue.take('room', 'alice', async () => undefined)).rejects.toMatchObject({
    code: 'RATE_LIMITED',
    retryAfter: 1,
  })
  wait('bob')
  wait('bob')
  await expect(queue.take('room', 'carol', async () => undefined)).rejects.toMatchObject({ code: 'RATE_LIMITED' })
  wait(null)
  await queue.take('another room', 'carol', async () => undefined)
  first.open()
  await Promise.all(work)
  await queue.take('room', 'carol', async () => undefined)
})

test('a task that fails keeps nobody waiting', async () => {
  const queue = new FairQueue(BOUNDS)
  const failing = queue.take('room', 'alice', () => Promise.reject(new Error('no')))
  const after = queue.take('room', 'alice', async () => 'yes')
  await expect(failing).rejects.toThrow('no')
  expect(await after).toBe('yes')
})

test('what comes while a batch is processed makes up the next one, in fair order and bounded', async () => {
  const batches: string[][] = []
  const first = gate()
  const queue = new FairBatchQueue<string, string>({
    bounds: { perUser: 10, total: 100 },
    batchMax: 3,
    async process(_key, batch) {
      batches.push(batch.map(({ input }) => input))
      await first.opened
      for (const { input, resolve, reject } of batch) {
        if (input === 'bad') reject(new Error(input))
        else resolve(input.toUpperCase())
      }
    },
  })
  const added = [queue.add('room', 'alice', 'a1')]
  for (const [user, input] of [
    ['alice', 'a2'],
    ['alice', 'a3'],
    ['bob', 'b1'],
    ['carol', 'bad'],
  ] as const) {
    added.push(queue.add('room', user, input))
  }
  first.open()
  const outcomes = await Promise.allSettled(added)
  expect(batches).toEqual([['a1'], ['a2', 'b1', 'bad'], ['a3']])
  expect(outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : 'rejected'))).toEqual([
    'A1',
    'A2',
    'A3',
    'B1',
    'rejected',
  ])
})
