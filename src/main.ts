import { once } from 'node:events'
import { createApp } from './app.ts'
import { developmentSecret } from './auth/development.ts'
import { welcome, withoutPassword } from './welcome.ts'
import { ConfigError, loadConfig } from './config.ts'
import { RtcError } from './core/errors.ts'
import { createLog } from './core/log.ts'
import { watchEventLoop } from './core/overload.ts'
import { startEmbeddedServer } from './db/embedded.ts'
import { EmbeddedServerError } from './db/embedded/failure.ts'
import { MigrationError } from './db/migrate.ts'
import { createGatewayServer } from './server.ts'

type Cleanup = () => Promise<void>

/** env → config → database → app → server → signal → dispose, in reverse. */
async function main(cleanups: Cleanup[]): Promise<void> {
  const configuration = loadConfig()
  const { config, secrets } = configuration
  const log = createLog(config.logLevel)
  const stopSignal = Promise.race([
    once(process, 'SIGINT').then(() => 'SIGINT' as const),
    once(process, 'SIGTERM').then(() => 'SIGTERM' as const),
  ])

  const secret = config.development ? await developmentSecret(config.dataDir) : undefined
  const database = secrets.databaseUrl ? undefined : await startEmbeddedServer({ dataDir: config.dataDir, log })
  if (database) cleanups.push(() => database.stop())

  const databaseUrl = secrets.databaseUrl ?? database?.url ?? ''
  const overload = watchEventLoop()
  const app = createApp(configuration, { databaseUrl, developmentSecret: secret, log, overload })
  cleanups.push(() => app.dispose())
  await app.start()

  const server = createGatewayServer(app)
  await server.listen()
  let signal: Awaited<typeof stopSignal> | undefined
  // Whoever presses Ctrl-C does not want to wait.
  cleanups.push(() => server.close({ over: signal === 'SIGTERM' ? config.http.drainTime : 0 }))
  const described = database
    ? `PostgreSQL in ${config.dataDir}${database.adopted ? ', left running by an earlier start' : ''}`
    : withoutPassword(databaseUrl)
  process.stdout.write(await welcome(app, { url: server.url, database: described }))

  signal = await stopSignal
  log.info({ signal }, 'stopping')
}

const EXPECTED = [ConfigError, EmbeddedServerError, MigrationError, RtcError]
const cleanups: Cleanup[] = []
try {
  await main(cleanups)
} catch (error) {
  process.exitCode = 1
  process.stderr.write(`${explain(error)}\n`)
} finally {
  for (const cleanup of cleanups.toReversed()) {
    await cleanup().catch((error: unknown) => {
      process.exitCode = 1
      process.stderr.write(`${String(error)}\n`)
    })
  }
}

/** What the operator can act on is said in its own words; anything else is a fault of ours, with its trace. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if ('code' in error && error.code === 'EADDRINUSE')
    return `PORT: ${error.message}; choose another or stop what listens there`
  return EXPECTED.some((kind) => error instanceof kind) ? error.message : (error.stack ?? error.message)
}
