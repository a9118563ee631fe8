import { expect, test } from 'vitest'
import type { Actor } from '../../src/core/actor.ts'
import { Pacer } from '../../src/core/pacer.ts'
import { Concurrency } from '../../src/limits/concurrency.ts'

const actor = (id: string, scopes: string[] = []): Actor => ({ id, scopes: new Set(scopes) })

/** Tasks that the test ends by calling the functions in `running`. */
function manualTasks() {
  const running: (() => void)[] = []
  const task = () => new Promise<void>((resolve) => running.push(resolve))
  return { running, task }
}

test('a user may have 8 tasks running and 256 in flight; more are refused, and other users are not affected', async () => {
  const concurrency = new Concurrency()
  const { running, task } = manualTasks()
  const alice = actor('alice')
  const all = Array.from({ length: 256 }, () => concurrency.run(alice, task))
  await expect(concurrency.run(alice, task)).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfter: 1 })
  expect(running).toHaveLength(8)
  expect(await concurrency.run(actor('bob'), () => 'served')).toBe('served')

  let maxRunning = 0
  for (let ended = 0; ended < 256; ended += 1) {
    maxRunning = Math.max(maxRunning, running.length)
    running.shift()?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  await Promise.all(all)
  expect(maxRunning).toBe(8)
  expect(concurrency.size).toBe(0)
})

test('a failed task releases its slot to the next task', async () => {
  const concurrency = new Concurrency()
  const failing = Array.from({ length: 20 }, () =>
    concurrency.run(actor('alice'), () => Promise.reject(new Error('no'))).catch((error: Error) => error.message),
  )
  expect(await Promise.all(failing)).toEqual(Array.from({ length: 20 }, () => 'no'))
  expect(concurrency.size).toBe(0)
})

test('the pacer grants turns to users round robin', async () => {
  const pacer = new Pacer()
  const order: string[] = []
  const take = async (key: string) => {
    await pacer.turn(key)
    order.push(key)
  }
  await Promise.all([take('alice'), take('alice'), take('alice'), take('bob'), take('bob')])
  expect(order).toEqual(['alice', 'bob', 'alice', 'bob', 'alice'])
})
