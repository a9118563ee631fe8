import { readFileSync } from 'node:fs'
import { collectDefaultMetrics, Registry } from 'prom-client'

/** Gauges of prom-client whose names end like those of counters; the same values by type have proper names. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total']

let registry: Registry | undefined

/**
 * The metrics of the process: CPU, memory, event loop, garbage collection, handles. One registry for all apps of a
 * process, because its observers of the process are never removed.
 */
export function processMetrics(): Registry {
  if (registry) return registry
  registry = new Registry()
  collectDefaultMetrics({ register: registry })
  for (const name of MISNAMED) registry.removeSingleMetric(name)
  return registry
}

/** The version in `package.json`, which is two folders up both in `src` and in `dist`. */
export function gatewayVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
