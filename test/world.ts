import { createClient } from 'graphql-ws'
import WebSocket from 'ws'
import { createApp, type App, type AppDependencies } from '../src/app.ts'
import { mintToken } from '../src/auth/development.ts'
import { loadConfig } from '../src/config.ts'
import { type Actor, ADMIN_SCOPE } from '../src/core/actor.ts'
import type { Scheduler } from '../src/core/clock.ts'
import { createLogger } from '../src/core/logger.ts'
import { createGatewayServer } from '../src/server.ts'
import { createTestDatabase } from './database.ts'

export const SECRET = 'a secret that only the tests know, 32 bytes or more'

/** An administrator, for direct calls of services in tests. */
export const OPERATOR: Actor = { id: 'operator', scopes: new Set([ADMIN_SCOPE]) }

/** A clock that advances only when it is told to. */
export interface ManualClock extends Scheduler {
  advance(seconds: number): void
}

export function manualClock(start = new Date()): ManualClock {
  let now = start.getTime()
  const alarms = new Set<{ readonly time: number; act(): void }>()
  return {
    now: () => new Date(now),
    at(time, act) {
      const alarm = { time: time.getTime(), act }
      if (alarm.time <= now) act()
      else alarms.add(alarm)
      return () => void alarms.delete(alarm)
    },
    advance(seconds) {
      now += seconds * 1000
      for (const alarm of [...alarms].filter(({ time }) => time <= now)) {
        alarms.delete(alarm)
        alarm.act()
      }
    },
  }
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  // Responses are untyped; tests assert their shapes.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
}

/** A user of the gateway's public APIs. */
export interface Person {
  readonly id: string
  readonly token: string
  rest(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
  graphql(query: string, variables?: Record<string, unknown>): Promise<Answer>
  /** A graphql-ws subscription, as an iterator of messages. */
  subscribe(query: string, variables?: Record<string, unknown>): Messages
}

/** Ends when the operation completes; throws the operation's errors or the socket's close event. */
export type Messages = AsyncIterableIterator<Answer['body']>

export interface World {
  readonly app: App
  readonly url: string
  readonly databaseUrl: string
  readonly alice: Person
  readonly bob: Person
  readonly carol: Person
  person(id: string, options?: { scopes?: string[]; ttl?: number }): Promise<Person>
  /** A token signed with the world's key. */
  token(id: string, options?: { scopes?: string[]; ttl?: number }): Promise<string>
}

/**
 * Starts a gateway on a free port with a fresh database, or as a further node on the given one; after the work, stops the
 * gateway and drops the fresh database.
 */
export async function withWorld(work: (world: World) => Promise<unknown>, options: WorldOptions = {}): Promise<void> {
  const world = await startWorld(options)
  try {
    await work(world)
  } finally {
    await world.close()
  }
}

export interface WorldOptions {
  readonly env?: Record<string, string>
  readonly dependencies?: Partial<AppDependencies>
}

export async function startWorld(options: WorldOptions = {}): Promise<World & { close(): Promise<void> }> {
  const given = options.dependencies?.databaseUrl
  const database = given ? { url: given, drop: async () => undefined } : await createTestDatabase()
  // Tests send in a second what users send in an hour. The tests of rates turn them on.
  const configuration = loadConfig({ JWT_SECRET: SECRET, HOST: '127.0.0.1', RATE_LIMITS: 'off', ...options.env })
  const { config } = configuration
  const log = createLogger('silent')
  const { onStatement, ...dependencies } = options.dependencies ?? {}
  const metrics = config.metrics && (await import('../src/metrics/metrics.ts')).createNodeMetrics()
  const app = createApp(
    { ...configuration, config: { ...config, http: { ...config.http, port: 0 } } },
    {
      databaseUrl: database.url,
      log,
      metrics,
      ...dependencies,
      // Only statements of requests are counted, not those of background jobs.
      ...(onStatement && { onStatement: (sql) => (isBackground(sql) ? undefined : onStatement(sql)) }),
    },
  )
  await app.start()
  const server = createGatewayServer(app)
  await server.listen()

  const token = (id: string, { scopes = [], ttl = 3600 }: { scopes?: string[]; ttl?: number } = {}) =>
    mintToken({ secret: SECRET, userId: id, ttl, scopes, now: app.clock.now() })
  const person = async (id: string, tokenOptions?: { scopes?: string[]; ttl?: number }) =>
    createPerson(server.url, id, await token(id, tokenOptions))
  return {
    app,
    url: server.url,
    databaseUrl: database.url,
    alice: await person('alice'),
    bob: await person('bob'),
    carol: await person('carol'),
    person,
    token,
    async close() {
      await server.close()
      await app.dispose()
      await database.drop()
    },
  }
}

const isBackground = (sql: string): boolean => /\/\* (sweep|heartbeat|catch up|metrics|delivery) \*\//.test(sql)

/** A user of the gateway at `url`. */
export function createPerson(url: string, id: string, token: string): Person {
  const authorization = `Bearer ${token}`
  const call = async (
    path: string,
    init: Omit<RequestInit, 'headers'> & { headers?: Record<string, string> },
  ): Promise<Answer> => {
    const response = await fetch(url + path, { ...init, headers: { authorization, ...init.headers } })
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: text ? JSON.parse(text) : undefined }
  }
  return {
    id,
    token,
    rest: (method, path, body, headers = {}) =>
      call(`/im/api/v1/rtc${path}`, {
        method,
        headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
    graphql: (query, variables) =>
      call('/graphql', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query, variables }),
      }),
    subscribe(query, variables = {}) {
      const client = createClient({
        url: `${url.replace('http', 'ws')}/graphql`,
        webSocketImpl: WebSocket,
        connectionParams: { authorization },
        retryAttempts: 0,
      })
      return client.iterate({ query, variables }) as Messages
    },
  }
}

/** The next `count` messages of a subscription. */
export async function take(messages: Messages, count: number): Promise<Answer['body'][]> {
  const taken: Answer['body'][] = []
  while (taken.length < count) {
    const { value, done } = await messages.next()
    if (done) break
    taken.push(value)
  }
  return taken
}
