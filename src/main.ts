import { once } from 'node:events'
import { createApp } from './app.ts'
import { developmentSecret } from './auth/development.ts'
import { welcome, withoutPassword } from './welcome.ts'
import { ConfigError, loadConfig } from './config.ts'
import { RtcError } from './core/errors.ts'
import { Lifecycle } from './core/lifecycle.ts'
import { createLogger } from './core/logger.ts'
import { watchEventLoop } from './core/overload.ts'
import { awaitDatabase, DatabaseUrlError } from './db/await-database.ts'
import { startEmbeddedServer } from './db/embedded.ts'
import { EmbeddedServerError } from './db/embedded/failure.ts'
import { MigrationError } from './db/migrate.ts'
import { createMetricsEndpoint, METRICS_PATH } from './metrics/endpoint.ts'
import { MetricsPortError, startMetricsListener } from './metrics/listener.ts'
import { createGatewayServer } from './server.ts'

/** Environment → configuration → database → app → server → signal; the lifecycle then stops the parts in reverse. */
async function main({ lifecycle, stop }: { lifecycle: Lifecycle; stop: AbortSignal }): Promise<void> {
  const configuration = loadConfig()
  const { config, secrets } = configuration
  const log = createLogger(config.logLevel)
  const secret = config.development ? await developmentSecret(config.dataDir) : undefined
  const database = secrets.databaseUrl
    ? undefined
    : await startEmbeddedServer({ dataDir: config.dataDir, log, signal: stop })
  if (database) lifecycle.add(database, { name: 'embedded server', stop: () => database.stop() })
  else await awaitDatabase({ url: secrets.databaseUrl ?? '', wait: config.databaseWait, signal: stop, log })

  const databaseUrl = secrets.databaseUrl ?? database?.url ?? ''
  const overload = lifecycle.add(watchEventLoop(), { name: 'overload guard', stop: (guard) => guard.close() })
  const metrics = config.metrics && (await import('./metrics/metrics.ts')).createNodeMetrics()
  const app = createApp(configuration, { databaseUrl, developmentSecret: secret, log, overload, metrics })
  lifecycle.add(app, { name: 'app', stop: () => app.dispose() })
  await app.start(stop)

  if (metrics && config.metrics?.port !== undefined) {
    const at = { host: config.http.host, port: config.metrics.port, loopbackOnly: config.development }
    const listener = await startMetricsListener(createMetricsEndpoint(metrics, secrets.metricsToken), { at, log })
    lifecycle.add(listener, { name: 'metrics', stop: () => listener.close() })
    log.info({ port: listener.port }, `serving ${METRICS_PATH}`)
  }
  const server = createGatewayServer(app)
  await server.listen()
  lifecycle.add(server, {
    name: 'server',
    // Ctrl-C skips the drain.
    stop: () => server.close({ over: stop.reason === 'SIGTERM' ? config.http.drainTime : 0 }),
  })
  const described = database
    ? `PostgreSQL in ${config.dataDir}${database.adopted ? ', left running by an earlier start' : ''}`
    : withoutPassword(databaseUrl)
  process.stdout.write(await welcome(app, { url: server.url, database: described }))
  if (config.production && config.ice.turnUrls.length === 0 && config.media.defaultProvider === 'webrtc') {
    log.warn('TURN_URLS is not set: calls between networks that need a relay will not connect')
  }

  if (!stop.aborted) await once(stop, 'abort')
  log.info({ signal: stop.reason as string }, 'stopping')
}

const EXPECTED = [ConfigError, DatabaseUrlError, EmbeddedServerError, MetricsPortError, MigrationError, RtcError]
const lifecycle = new Lifecycle()
const stopping = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort(signal))
try {
  await main({ lifecycle, stop: stopping.signal })
} catch (error) {
  // An interrupted start is not a failure.
  if (!stopping.signal.aborted) {
    process.exitCode = 1
    process.stderr.write(`${explain(error)}\n`)
  }
} finally {
  await lifecycle.stop().catch((error: unknown) => {
    process.exitCode = 1
    process.stderr.write(`${String(error)}\n`)
  })
}

/** The message of an error that the operator can fix; the stack of any other error. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if ('code' in error && error.code === 'EADDRINUSE')
    return `PORT: ${error.message}; choose another port or stop the process that listens on it`
  return EXPECTED.some((kind) => error instanceof kind) ? error.message : (error.stack ?? error.message)
}
