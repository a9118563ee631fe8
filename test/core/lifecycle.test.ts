import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Lifecycle, type Steps } from '../../src/core/lifecycle.ts'

/** A lifecycle whose parts log their starts and stops. */
function loggedLifecycle() {
  const log: string[] = []
  const lifecycle = new Lifecycle()
  const add = (name: string, steps: Partial<Steps<string>> = {}) =>
    lifecycle.add(name, {
      name,
      async start(part) {
        log.push(`${part} starts`)
        await setImmediate()
        log.push(`${part} runs`)
      },
      async stop(part) {
        await setImmediate()
        log.push(`${part} stopped`)
      },
      ...steps,
    })
  return { lifecycle, add, log }
}

test('parts start sequentially in the order in which they were added, and stop in reverse order', async () => {
  const { lifecycle, add, log } = loggedLifecycle()
  for (const name of ['database', 'bus', 'hub']) expect(add(name)).toBe(name)
  await lifecycle.start()
  expect(log.splice(0)).toEqual([
    'database starts',
    'database runs',
    'bus starts',
    'bus runs',
    'hub starts',
    'hub runs',
  ])
  await lifecycle.stop()
  expect(log).toEqual(['hub stopped', 'bus stopped', 'database stopped'])
})

test('all parts are stopped even if some fail, and the error names the failed parts', async () => {
  const { lifecycle, add, log } = loggedLifecycle()
  const closed = new Error('the connection is closed')
  add('database')
  add('bus', { stop: () => Promise.reject(closed) })
  add('heartbeat')
  add('hub', {
    stop() {
      throw new TypeError('already closed')
    },
  })
  add('sweeper')
  await lifecycle.start()
  log.length = 0
  const error: unknown = await lifecycle.stop().catch((caught: unknown) => caught)
  expect(log).toEqual(['sweeper stopped', 'heartbeat stopped', 'database stopped'])
  expect(error).toMatchObject({
    message:
      'hub could not be stopped: TypeError: already closed; bus could not be stopped: Error: the connection is closed',
    errors: [{ cause: { message: 'already closed' } }, { cause: closed }],
  })
  await expect(lifecycle.stop()).rejects.toBe(error)
})

test('a failed start is not continued; only parts that were started or need no start are stopped', async () => {
  const { lifecycle, add, log } = loggedLifecycle()
  lifecycle.add('pool', { name: 'pool', stop: (part) => void log.push(`${part} stopped`) })
  add('key set')
  add('schema', { start: () => Promise.reject(new Error('a newer version wrote it')) })
  add('sweeper')
  await expect(lifecycle.start()).rejects.toThrow('a newer version wrote it')
  await lifecycle.stop()
  expect(log).toEqual(['key set starts', 'key set runs', 'key set stopped', 'pool stopped'])
})

test('the abort signal is passed to the part that is starting', async () => {
  const { lifecycle, add } = loggedLifecycle()
  add('schema', { start: (_part, signal) => signal?.throwIfAborted() })
  await expect(lifecycle.start(AbortSignal.abort(new Error('SIGTERM')))).rejects.toThrow('SIGTERM')
})
