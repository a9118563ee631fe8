import { expect, test } from 'vitest'
import { FairBatchQueue } from '../../src/core/fair-batch-queue.ts'
import { FairQueue } from '../../src/core/fair-queue.ts'

const BOUNDS = { perUser: 3, total: 5 }

/** A promise that the test resolves by calling `open`. */
function gate() {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open: () => open(), opened }
}

test('users are served round robin, and each user in order', async () => {
  const queue = new FairQueue({ perUser: 10, total: 100 })
  const served: string[] = []
  const first = gate()
  const work = [queue.run('room', 'alice', () => first.opened)]
  const enqueue = (user: string | null, name: string) =>
    work.push(
      queue.run('room', user, async () => {
        served.push(name)
      }),
    )
  for (const name of ['a1', 'a2', 'a3']) enqueue('alice', name)
  enqueue('bob', 'b1')
  enqueue(null, 'tick')
  enqueue('bob', 'b2')
  first.open()
  await Promise.all(work)
  expect(served).toEqual(['a1', 'b1', 'tick', 'a2', 'b2', 'a3'])
})

test('the queue is bounded per user and in total, except for the work of the gateway', async () => {
  const queue = new FairQueue(BOUNDS)
  const first = gate()
  const work: Promise<void>[] = [queue.run('room', 'alice', () => first.opened)]
  const enqueue = (user: string | null) => work.push(queue.run('room', user, async () => undefined))
  for (let count = 0; count < 3; count += 1) enqueue('alice')
  await expect(queue.run('room', 'alice', async () => undefined)).rejects.toMatchObject({
    code: 'RATE_LIMITED',
    retryAfter: 1,
  })
  enqueue('bob')
  enqueue('bob')
  await expect(queue.run('room', 'carol', async () => undefined)).rejects.toMatchObject({ code: 'RATE_LIMITED' })
  enqueue(null)
  await queue.run('another room', 'carol', async () => undefined)
  first.open()
  await Promise.all(work)
  await queue.run('room', 'carol', async () => undefined)
})

test('a failing task does not block the tasks behind it', async () => {
  const queue = new FairQueue(BOUNDS)
  const failing = queue.run('room', 'alice', () => Promise.reject(new Error('no')))
  const after = queue.run('room', 'alice', async () => 'yes')
  await expect(failing).rejects.toThrow('no')
  expect(await after).toBe('yes')
})

test('inputs added during a batch form the next batch, round robin and up to the maximum size', async () => {
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
