import { describe, expect, test, vi } from 'vitest'
import { createLogger } from '../../src/core/logger.ts'
import { createLogObserver, createObserverErrorLog } from '../../src/logs/observer.ts'
import { withWorld, type World } from '../world.ts'
import { linesTo } from './lines.ts'

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

async function withLog(
  work: (world: World, lines: ReturnType<typeof linesTo>) => Promise<void>,
  env: Record<string, string> = {},
): Promise<void> {
  const lines = linesTo()
  const log = createLogger(env['LOG_LEVEL'] === 'debug' ? 'debug' : 'info', lines)
  await withWorld((world) => work(world, lines), { env, dependencies: { log } })
}

describe('a line', () => {
  test('has an ISO time and a named level', async () => {
    const lines = linesTo()
    createLogger('info', lines).info('hello')
    const [{ level, time, msg } = { level: '', time: '', msg: '' }] = lines.all()
    expect({ level, msg }).toEqual({ level: 'info', msg: 'hello' })
    expect(new Date(String(time)).toISOString()).toBe(time)
  })

  test('of an error contains no values of rows', () => {
    const lines = linesTo()
    const cause = Object.assign(new Error('violates a constraint'), { code: '23514', detail: 'Failing row: (secret)' })
    const errors = [Object.assign(new Error('one'), { detail: 'secret' })]
    const err = Object.assign(new AggregateError(errors, 'failed', { cause }), { meta: { row: 'secret' } })
    createLogger('info', lines).error({ err }, 'unexpected error')
    expect(lines.text()).not.toContain('secret')
    expect(lines.all()[0]).toMatchObject({
      err: {
        type: 'AggregateError',
        message: 'failed',
        stack: expect.stringContaining('observer.test'),
        cause: { code: '23514', message: 'violates a constraint' },
        errors: [{ message: 'one' }],
      },
    })
  })

  test('of a request has its id, its trace, its route and its user; so has the line of its command', async () => {
    await withLog(async ({ alice }, lines) => {
      const headers = { 'x-request-id': 'request-7', traceparent: TRACEPARENT }
      const { body } = await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' }, headers)
      const ids = { requestId: 'request-7', traceId: '0af7651916cd43dd8448eb211c80319c', userId: 'alice' }
      await vi.waitFor(() => expect(lines.of('request')).toHaveLength(1))
      expect(lines.of('request')[0]).toMatchObject({
        ...ids,
        level: 'info',
        method: 'POST',
        route: '/im/api/v1/rtc/rooms',
        status: 201,
        address: '127.0.0.1',
        durationMs: expect.any(Number),
      })
      expect(lines.of('command')).toMatchObject([
        { ...ids, level: 'info', type: 'create', roomId: body.id, seq: body.seq ?? expect.any(Number), outcome: 'ok' },
      ])
    })
  })

  test('of a refused token has the reason', async () => {
    await withLog(async ({ url, token }, lines) => {
      const expired = await token('alice', { ttl: -60 })
      await fetch(`${url}/im/api/v1/rtc/rooms`, { headers: { authorization: `Bearer ${expired}` } })
      expect(lines.of('token refused')).toMatchObject([{ level: 'info', reason: 'expired' }])
    })
  })
})

describe('probes', () => {
  test('are logged at debug only', async () => {
    await withLog(async ({ url }, lines) => {
      await fetch(`${url}/health/ready`)
      await fetch(`${url}/no/such/path`)
      await vi.waitFor(() => expect(lines.of('request')).toMatchObject([{ status: 404 }]))
    })
    await withLog(
      async ({ url }, lines) => {
        await fetch(`${url}/health/live`)
        await vi.waitFor(() => expect(lines.of('request')).toMatchObject([{ level: 'debug', route: '/health/live' }]))
      },
      { LOG_LEVEL: 'debug' },
    )
  })
})

describe('LOG_REQUESTS', () => {
  const calls = async ({ alice }: World) => {
    for (let index = 0; index < 40; index += 1) {
      const status = index % 4 === 0 ? 'no-such-status' : 'ended'
      await alice.rest('GET', `/rooms?status=${status}`, undefined, { 'x-request-id': `request-${index}` })
    }
  }
  const statuses = (lines: ReturnType<typeof linesTo>) => lines.of('request').map(({ status }) => status)

  test('errors keeps failed requests only', async () => {
    await withLog(
      async (world, lines) => {
        await calls(world)
        await vi.waitFor(() => expect(statuses(lines)).toEqual(Array.from({ length: 10 }, () => 400)))
      },
      { LOG_REQUESTS: 'errors' },
    )
  })

  test('a share keeps failed requests and about that share of the others', async () => {
    await withLog(
      async (world, lines) => {
        await calls(world)
        await vi.waitFor(() => expect(statuses(lines).filter((status) => status === 400)).toHaveLength(10))
        const others = statuses(lines).filter((status) => status === 200).length
        expect(others).toBeGreaterThan(3)
        expect(others).toBeLessThan(27)
      },
      { LOG_REQUESTS: '0.5' },
    )
  })
})

test('levels that are off have no handlers', () => {
  const observer = (level: 'warn' | 'info' | 'trace') =>
    createLogObserver(createLogger(level, linesTo()), { requests: 'all' })
  expect(Object.keys(observer('warn'))).toEqual([])
  expect(Object.keys(observer('info'))).toContain('request')
  expect(Object.keys(observer('info'))).not.toContain('commit')
  expect(Object.keys(observer('trace'))).toContain('commit')
})

test('an observer that fails is reported once per fact', () => {
  const lines = linesTo()
  const report = createObserverErrorLog(createLogger('info', lines))
  report(new Error('broken'), 'command')
  report(new Error('broken'), 'command')
  report(new Error('broken'), 'commit')
  expect(lines.all().map(({ level, fact }) => [level, fact])).toEqual([
    ['error', 'command'],
    ['error', 'commit'],
  ])
})
