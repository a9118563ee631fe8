import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeDirectory } from '../scratch.ts'
import { isMet } from '../requirement.ts'

/** Debian's paths. */
const PROMTOOL = '/usr/bin/promtool'
const PROMETHEUS = '/usr/bin/prometheus'

/** For `describe.runIf`: whether Prometheus is installed. */
export const prometheusTests = isMet(
  existsSync(PROMTOOL) && existsSync(PROMETHEUS),
  'PROMETHEUS TESTS',
  `there is no ${PROMETHEUS} (apt-get install prometheus)`,
)

export const ALERTS = fileURLToPath(new URL('../../docs/operations/alerts.yml', import.meta.url))
const DASHBOARD = fileURLToPath(new URL('../../docs/operations/grafana-dashboard.json', import.meta.url))

/** Runs promtool; resolves with its exit code and output. */
export function promtool(args: readonly string[], input = ''): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const child = execFile(PROMTOOL, args, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, output: stdout + stderr })
    })
    child.stdin?.end(input)
  })
}

interface Panel {
  readonly title: string
  readonly type: string
  readonly targets?: readonly { readonly expr: string }[]
}

/** The panels of the dashboard, without the rows that separate its sections. */
export async function dashboardPanels(): Promise<readonly { title: string; queries: readonly string[] }[]> {
  const { panels } = JSON.parse(await readFile(DASHBOARD, 'utf8')) as { panels: readonly Panel[] }
  return panels
    .filter(({ type }) => type !== 'row')
    .map(({ title, targets = [] }) => ({ title, queries: targets.map(({ expr }) => expr) }))
}

/** A query as Grafana sends it, for all nodes. */
export const filledIn = (query: string, range: string): string =>
  query.replaceAll('$__rate_interval', range).replaceAll('$instance', '.*')

export interface Prometheus {
  /** Reads its HTTP API: https://prometheus.io/docs/prometheus/latest/querying/api/ */
  api<Data>(path: string, parameters?: Record<string, string>): Promise<Data>
  close(): Promise<void>
}

/** Starts a real Prometheus that scrapes the targets every second; resolves when it answers. */
export async function startPrometheus(
  targets: readonly string[],
  { port, token }: { readonly port: number; readonly token: string },
): Promise<Prometheus> {
  const directory = await makeDirectory('prometheus')
  const config = join(directory, 'prometheus.yml')
  await writeFile(join(directory, 'token'), token)
  await writeFile(
    config,
    `global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [${ALERTS}]
scrape_configs:
  - job_name: rtc-gateway
    authorization: { credentials_file: ${join(directory, 'token')} }
    static_configs: [{ targets: ${JSON.stringify(targets)} }]
`,
  )
  const url = `http://127.0.0.1:${port}`
  const child = spawn(
    PROMETHEUS,
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let output = ''
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  const exited = once(child, 'exit')
  let failed: string | undefined
  void exited.then(([code]) => {
    failed = `prometheus exited with ${code}:\n${output}`
  })
  return {
    async api<Data>(path: string, parameters: Record<string, string> = {}) {
      if (failed) throw new Error(failed)
      const response = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters)}`)
      const { status, data, error } = (await response.json()) as { status: string; data: Data; error?: string }
      if (status !== 'success') throw new Error(`${path} ${JSON.stringify(parameters)}: ${error}`)
      return data
    },
    async close() {
      child.kill('SIGTERM')
      await exited
      await rm(directory, { recursive: true, force: true })
    },
  }
}
