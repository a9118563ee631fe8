import { expect, test } from 'vitest'
import type { Actor } from '../../src/core/actor.ts'
import { Pacer } from '../../src/core/pacer.ts'
import { Concurrency } from '../../src/limits/concurrency.ts'

const actor = (id: string, scopes: string[] = []): Actor => ({ id, scopes: new Set(scopes) })

/** Tasks that end when they are told to. */
function tasks() {
  const running: (() => void)[] = []
  const task = () => new Promise<void>((resolve) => running.push(resolve))
  return { running, task }
}

test('a user has eight tasks running, 256 in flight, and hears RATE_LIMITED for more; others go on', async () => {
  const concurrency = new Concurrency()
  const { running, task } = tasks()
  const alice = actor('alice')
  const all = Array.from({ length: 256 }, () => concurrency.run(alice, task))
  await expect(concurrency.run(alice, task)).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfter: 1 })
  expect(running).toHaveLength(8)
  expect(await concurrency.run(actor('bob'), () => 'served')).toBe('served')

  let most = 0
  for (let ended = 0; ended < 256; ended += 1) {
    most = Math.max(most, running.length)
    running.shift()?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  await Promise.all(all)
  expect(most).toBe(8)
  expect(concurrency.size).toBe(0)
})

test('a task that fails gives its place to the next one', async () => {
  const concurrency = new Concurrency()
  const failing = Array.from({ length: 20 }, () =>
    concurrency.run(actor('alice'), () => Promise.reject(new Error('no'))).catch((error: Error) => error.message),
  )
  expect(await Promise.all(failing)).toEqual(Array.from({ length: 20 }, () => 'no'))
  expect(concurrency.size).toBe(0)
})

test('turns of the event loop alternate between users', async () => {
  const pacer = new Pacer()
  const order: string[] = []
  const take = async (key: string) => {
    await pacer.turn(key)
    order.push(key)
  }
  await Promise.all([take('alice'), take('alice'), take('alice'), take('bob'), take('bob')])
  expect(order).toEqual(['alice', 'bob', 'alice', 'bob', 'alice'])
})
