import { rm } from 'node:fs/promises'
import pg from 'pg'
import { mintToken } from '../../src/auth/development.ts'
import { createLogger } from '../../src/core/logger.ts'
import { type DatabaseServer, startEmbeddedServer } from '../../src/db/embedded.ts'
import { killServer } from '../db/data-dir.ts'
import { freePort } from '../free-port.ts'
import { type Gateway, startGateway } from '../process.ts'
import { makeDirectory } from '../scratch.ts'

const SECRET = 'a secret that only the fault tests know, 32 bytes'
/** Seconds. */
export const GRACE = 4
const log = createLogger('silent')

/** Two gateway processes and their shared database. Each of them can be stopped, killed and restarted. */
export class Cluster {
  readonly #dataDir: string
  readonly #port: string
  readonly #env: Readonly<Record<string, string>>
  #database: DatabaseServer | undefined
  readonly #gateways: Gateway[] = []

  private constructor(dataDir: string, port: string, env: Readonly<Record<string, string>>) {
    this.#dataDir = dataDir
    this.#port = port
    this.#env = env
  }

  /** @param env - further variables of the nodes */
  static async start(env: Readonly<Record<string, string>> = {}): Promise<Cluster> {
    const cluster = new Cluster(await makeDirectory('faults'), String(await freePort()), env)
    await cluster.startDatabase()
    await cluster.startNode(0)
    await cluster.startNode(1)
    return cluster
  }

  get urls(): readonly string[] {
    return this.#gateways.map(({ url }) => url)
  }

  /** A node that has been started. */
  node(index: number): Gateway {
    const node = this.#gateways[index]
    if (!node) throw new RangeError(`there is no node ${index}`)
    return node
  }

  get databaseUrl(): string {
    return this.#database?.url ?? ''
  }

  async startDatabase(): Promise<void> {
    this.#database = await startEmbeddedServer({ dataDir: this.#dataDir, log, settings: { port: this.#port } })
  }

  async stopDatabase(): Promise<void> {
    await this.#database?.stop()
  }

  killDatabase(): Promise<void> {
    return killServer(this.#dataDir, 'SIGKILL')
  }

  /** Starts a node, on its previous port if it ran before. */
  async startNode(index: number): Promise<void> {
    const before = this.#gateways[index]
    const port = before ? new URL(before.url).port : String(await freePort())
    this.#gateways[index] = await startGateway({
      JWT_SECRET: SECRET,
      DATABASE_URL: this.databaseUrl,
      HOST: '127.0.0.1',
      PORT: port,
      DISCONNECT_GRACE: String(GRACE),
      DRAIN_TIME: '1',
      RATE_LIMITS: 'off',
      LOG_REQUESTS: 'errors',
      ...this.#env,
    })
  }

  async killNode(index: number): Promise<void> {
    await this.#gateways[index]?.stop('SIGKILL')
  }

  /** Terminates all other connections of the nodes; returns how many there were. */
  async cutPools(): Promise<number> {
    const { rowCount } = await this.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rtc-gateway'`,
    )
    return rowCount ?? 0
  }

  /** Terminates the LISTEN connection of each node; returns how many there were. */
  async cutBus(): Promise<number> {
    const { rowCount } = await this.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rtc-gateway bus'`,
    )
    return rowCount ?? 0
  }

  async query(sql: string, values: unknown[] = []): Promise<pg.QueryResult> {
    const client = new pg.Client({ connectionString: this.databaseUrl })
    await client.connect()
    try {
      return await client.query(sql, values)
    } finally {
      await client.end()
    }
  }

  token(userId: string): Promise<string> {
    return mintToken({ secret: SECRET, userId, ttl: 86_400, now: new Date() })
  }

  /** Stops everything in order; returns the exit code of each gateway and its unexpected log lines. */
  async stop(): Promise<{ codes: (number | null)[]; unexpectedLogs: string[] }> {
    const codes = await Promise.all(this.#gateways.map((gateway) => gateway.stop('SIGTERM')))
    await this.stopDatabase()
    await rm(this.#dataDir, { recursive: true, maxRetries: 5 })
    const output = this.#gateways.map((gateway) => gateway.output()).join('\n')
    return {
      codes,
      unexpectedLogs: output
        .split('\n')
        .filter((line) => /unhandled|unexpected error|"level":"(error|fatal)"/i.test(line)),
    }
  }
}
