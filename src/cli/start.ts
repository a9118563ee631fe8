import { once } from 'node:events'
import { createApp } from '../app.ts'
import { developmentSecret } from '../auth/development.ts'
import { loadConfig } from '../config.ts'
import { Lifecycle } from '../core/lifecycle.ts'
import { createProcessLogger, flushLog } from '../core/logger.ts'
import { watchEventLoop } from '../core/overload.ts'
import { createMetricsEndpoint, METRICS_PATH } from '../metrics/endpoint.ts'
import { startMetricsListener } from '../metrics/listener.ts'
import { developmentVapid } from '../push/development.ts'
import { createGatewayServer } from '../server.ts'
import { checkConfiguration } from './check.ts'
import { type Command, type Outcome, parseArguments } from './command.ts'
import { openDatabase } from './database.ts'
import { untilStopped } from './run.ts'
import { welcome, withoutPassword } from './welcome.ts'

const HELP = `Usage: rtc-gateway start [--check-config]

Starts the gateway and runs it until SIGTERM or SIGINT.

  --check-config  only checks the configuration, as rtc-gateway check does`

export const start: Command = {
  help: HELP,
  async run(argv): Promise<Outcome> {
    const { values } = parseArguments(argv, { options: { 'check-config': { type: 'boolean' } } })
    return values['check-config'] ? await checkConfiguration() : await untilStopped(runGateway)
  },
}

/** Environment → configuration → database → app → server → signal; the lifecycle then stops the parts in reverse. */
async function runGateway({ lifecycle, stop }: { lifecycle: Lifecycle; stop: AbortSignal }): Promise<void> {
  const configuration = loadConfig()
  const { config, secrets } = configuration
  const log = createProcessLogger(config.logs.level)
  lifecycle.add(log, { name: 'log', stop: flushLog })
  const secret = config.development ? await developmentSecret(config.dataDir) : undefined
  const vapid = config.development && !secrets.vapid ? await developmentVapid(config.dataDir) : undefined
  const database = await openDatabase(configuration, { lifecycle, stop, log })
  const overload = lifecycle.add(watchEventLoop(), { name: 'overload guard', stop: (guard) => guard.close() })
  const metrics = config.metrics && (await import('../metrics/metrics.ts')).createNodeMetrics()
  const tracing = config.tracing && (await (await import('../tracing/tracing.ts')).createTracing(config.tracing, log))
  if (tracing) lifecycle.add(tracing, { name: 'tracing', stop: (spans) => spans.close() })
  const app = createApp(configuration, {
    databaseUrl: database.url,
    developmentSecret: secret,
    developmentVapid: vapid,
    log,
    overload,
    metrics,
    tracing,
  })
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
  const described = database.embedded
    ? `PostgreSQL in ${config.dataDir}${database.embedded.adopted ? ', left running by an earlier start' : ''}`
    : withoutPassword(database.url)
  const started = { url: server.url, database: described }
  log.info({ ...started, development: config.development }, 'listening')
  // Only on a terminal: it contains tokens, and standard output is otherwise one stream of JSON.
  if (process.stdout.isTTY) process.stdout.write(await welcome(app, started))
  if (config.production && config.ice.turnUrls.length === 0 && config.media.defaultProvider === 'webrtc') {
    log.warn('TURN_URLS is not set: calls between networks that need a relay will not connect')
  }

  for (const warning of app.reconciliation.warnings) log.warn(warning)

  if (!stop.aborted) await once(stop, 'abort')
  log.info({ signal: stop.reason as string }, 'stopping')
}
