import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createLogger } from '../src/core/logger.ts'
import { rsa, sign } from './auth/tokens.ts'
import { query } from './db/data-dir.ts'
import { createPerson, type World, withWorld } from './world.ts'

/** A logger that records its errors. */
function recordingLogger() {
  const errors: Record<string, unknown>[] = []
  const log = createLogger('silent')
  log.level = 'error'
  log.error = (entry: unknown) => void errors.push(entry as Record<string, unknown>)
  log.warn = log.error
  return { log, errors }
}

const readiness = async (url: string) => {
  const response = await fetch(`${url}/health/ready`)
  return { status: response.status, body: await response.json() }
}
const createRoom = ({ alice }: Pick<World, 'alice'>) => alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })

test('a ready gateway reports the state of each dependency', async () => {
  await withWorld(async ({ url }) => {
    expect(await readiness(url)).toEqual({ status: 200, body: { status: 'ready', database: 'ok' } })
  })
})

test('concurrent readiness requests share one query to the database', async () => {
  let statements = 0
  const onStatement = (sql: string) => void (sql === 'SELECT 1' && (statements += 1))
  await withWorld(
    async ({ url }) => {
      await Promise.all(Array.from({ length: 200 }, () => readiness(url)))
      expect(statements).toBeGreaterThan(0)
      expect(statements).toBeLessThan(5)
    },
    { dependencies: { onStatement } },
  )
})

describe('when the database has no disk space left', () => {
  /** Makes every statement that writes or creates a table fail like PostgreSQL when a file cannot be extended. */
  const FILL = `
    CREATE FUNCTION full_row() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
    CREATE FUNCTION full_table() RETURNS event_trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
    CREATE TRIGGER full_disk BEFORE INSERT ON "Room" FOR EACH ROW EXECUTE FUNCTION full_row();
    CREATE EVENT TRIGGER full_disk ON ddl_command_start WHEN TAG IN ('CREATE TABLE AS') EXECUTE FUNCTION full_table()`
  const EMPTY = 'DROP EVENT TRIGGER full_disk; DROP TRIGGER full_disk ON "Room"'

  test('logs the cause once, counts it, and is not ready until a write succeeds', async () => {
    const { log, errors } = recordingLogger()
    await withWorld(
      async (world) => {
        await query(world.databaseUrl, FILL)
        for (const { status, body } of await Promise.all(Array.from({ length: 20 }, () => createRoom(world)))) {
          expect([status, body.code]).toEqual([503, 'UNAVAILABLE'])
        }
        expect(errors).toEqual([expect.objectContaining({ cause: 'disk_full', err: expect.any(Error) })])
        const full = { status: 503, body: { status: 'not ready', database: 'disk_full' } }
        await expect.poll(() => readiness(world.url), { timeout: 10_000 }).toEqual(full)
        expect(world.app.failures.counts().get('disk_full')).toBeGreaterThanOrEqual(20)
        await query(world.databaseUrl, EMPTY)
        await expect.poll(async () => (await readiness(world.url)).status, { timeout: 10_000 }).toBe(200)
        expect((await createRoom(world)).status).toBe(201)
      },
      { dependencies: { log }, env: { RATE_LIMITS: 'off' } },
    )
  })
})

test.each([
  ['deadlock_detected', 'database_conflict'],
  ['serialization_failure', 'database_conflict'],
  ['lock_not_available', 'database_timeout'],
] as const)('a command that PostgreSQL aborts by %s is UNAVAILABLE and counts as %s', async (condition, cause) => {
  const { log } = recordingLogger()
  await withWorld(
    async (world) => {
      await query(
        world.databaseUrl,
        `CREATE FUNCTION abort() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE ${condition}; END $$;
         CREATE TRIGGER abort BEFORE INSERT ON "Room" FOR EACH ROW EXECUTE FUNCTION abort()`,
      )
      expect(await createRoom(world)).toMatchObject({ status: 503, body: { code: 'UNAVAILABLE' } })
      expect(world.app.failures.counts().get(cause)).toBe(1)
      await query(world.databaseUrl, 'DROP TRIGGER abort ON "Room"')
      expect((await createRoom(world)).status).toBe(201)
    },
    { dependencies: { log } },
  )
})

test('reports pool_exhausted when every connection is busy', async () => {
  const { log, errors } = recordingLogger()
  await withWorld(
    async (world) => {
      const watch = new AbortController()
      // Each statement is cancelled after four seconds, which is also how long the check waits for a connection.
      const busy = Array.from({ length: 30 }, async () => {
        while (!watch.signal.aborted) await world.app.prisma.$queryRaw`SELECT 1 FROM pg_sleep(60)`.catch(String)
      })
      const notReady = { status: 503, body: { status: 'not ready', database: 'pool_exhausted' } }
      await expect.poll(() => readiness(world.url), { timeout: 20_000 }).toEqual(notReady)
      watch.abort()
      await Promise.all(busy)
      expect(errors.map(({ cause }) => cause)).toContain('pool_exhausted')
    },
    { dependencies: { log } },
  )
})

test('reports database_refused when the database no longer exists', async () => {
  const { log, errors } = recordingLogger()
  await withWorld(
    async (world) => {
      const name = new URL(world.databaseUrl).pathname.slice(1)
      const admin = Object.assign(new URL(world.databaseUrl), { pathname: '/postgres' }).href
      // The gateway may reconnect between the two statements.
      const rename = async (from: string, to: string) => {
        await query(admin, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${from}'`)
        return await query(admin, `ALTER DATABASE ${from} RENAME TO ${to}`).then(() => 'renamed', String)
      }
      await expect.poll(() => rename(name, `${name}_gone`), { timeout: 10_000 }).toBe('renamed')
      const notReady = { status: 503, body: { status: 'not ready', database: 'database_refused' } }
      await expect.poll(() => readiness(world.url), { timeout: 10_000 }).toEqual(notReady)
      expect((await createRoom(world)).status).toBe(503)
      expect(errors.map(({ cause }) => cause)).toContain('database_refused')
      await query(admin, `ALTER DATABASE ${name}_gone RENAME TO ${name}`)
      await expect.poll(async () => (await readiness(world.url)).status, { timeout: 10_000 }).toBe(200)
    },
    { dependencies: { log } },
  )
})

describe('a key set that', () => {
  const KEYS = '{"keys":[]}'

  async function issuer(initial: RequestListener) {
    const state = { answer: initial }
    const server = createServer((request, response) => state.answer(request, response))
    await once(server.listen(0, '127.0.0.1'), 'listening')
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    return Object.assign(state, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json` })
  }

  test.each<[string, RequestListener, string]>([
    ['breaks off', (request) => request.socket.destroy(), 'key_set_unreachable'],
    ['is a page', (_, response) => response.end('<html></html>'), 'key_set_invalid'],
    ['is an error', (_, response) => response.writeHead(500).end(KEYS), 'key_set_invalid'],
    ['is endless', (_, response) => response.end('x'.repeat(600_000)), 'key_set_invalid'],
    ['redirects', (_, response) => response.writeHead(302, { location: '/login' }).end(), 'key_set_redirect'],
    ['is slow', () => undefined, 'key_set_timeout'],
  ])(
    '%s makes the gateway not ready, with its cause in the log, until the issuer recovers',
    async (_case, answer, cause) => {
      const { log, errors } = recordingLogger()
      const server = await issuer(answer)
      await withWorld(
        async (world) => {
          const notReady = { status: 503, body: { status: 'not ready', database: 'ok', keySet: cause } }
          await expect.poll(() => readiness(world.url), { timeout: 15_000 }).toEqual(notReady)
          const exp = Math.floor(Date.now() / 1000) + 3600
          const alice = createPerson(
            world.url,
            'alice',
            await sign({ exp }, { alg: 'RS256', kid: 'r', key: rsa.privateKey }),
          )
          expect(await createRoom({ alice })).toMatchObject({ status: 503, body: { code: 'UNAVAILABLE' } })
          expect(errors.map((entry) => entry['cause'])).toEqual([cause])
          expect(world.app.failures.counts().get(cause as 'key_set_timeout')).toBeGreaterThan(0)
          server.answer = (_request, response) => response.end(KEYS)
          // The key set is available now, but does not contain the token's key.
          await expect.poll(async () => (await createRoom({ alice })).status, { timeout: 15_000 }).toBe(401)
          // Readiness is checked once per second.
          await expect
            .poll(() => readiness(world.url), { timeout: 10_000 })
            .toMatchObject({ status: 200, body: { keySet: 'ok' } })
        },
        {
          dependencies: { log, timeouts: { keySetAnswer: 500, keySetFetch: 50 } },
          env: { JWT_SECRET: '', JWKS_URL: server.url },
        },
      )
    },
  )
})
