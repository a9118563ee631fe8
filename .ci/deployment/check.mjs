// Checks the files of docs/deployment, compose.yaml and the documented Caddyfile, as far as programs of npm and Debian can.
// Run by `npm run check:deployment`; prints what it has checked, and exits with 1 if something is wrong.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments } from 'yaml'
import { loadConfig, VARIABLES } from '../../dist/config.js'

const HERE = dirname(fileURLToPath(import.meta.url))
process.chdir(join(HERE, '../..'))
const KUBERNETES = 'docs/deployment/kubernetes'
const UNIT = 'docs/deployment/systemd/rtc-gateway.service'
const COMPOSE = 'compose.yaml'

/** The largest exposure that `systemd-analyze security` may find, in tenths; 100 is a unit without restrictions. */
const EXPOSURE_MAX = 20

const problems = []
const checked = (what) => console.log(`ok  ${what}`)
const require = (condition, problem) => condition || problems.push(problem)

function run(what, program, args, options = {}) {
  const { status, error, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', ...options })
  if (status === 0) return checked(what)
  problems.push(`${what}: ${error ? error.message : `${stdout}${stderr}`.trim()}`)
}

function parse(path) {
  const documents = parseAllDocuments(readFileSync(path, 'utf8'), { merge: true, strict: true })
  for (const { errors, warnings } of documents) {
    for (const { message } of [...errors, ...warnings]) problems.push(`${path}: ${message}`)
  }
  return documents.map((document) => document.toJS())
}

function checkVariables(path, variables) {
  for (const name of Object.keys(variables)) {
    require(Object.hasOwn(VARIABLES, name), `${path}: ${name} is not a variable of the gateway`)
  }
  const secrets = {
    DATABASE_URL: 'postgresql://rtc@database/rtc',
    TURN_SECRET: 'a secret',
    METRICS_TOKEN: 'a-token-of-Prometheus',
  }
  try {
    // Placeholders of Compose stand for a value.
    const values = Object.entries(variables).map(([name, value]) => [
      name,
      value.replaceAll(/\$\{\w+:\?\}/g, 'v'.repeat(40)),
    ])
    const { config } = loadConfig({ NODE_ENV: 'production', ...secrets, ...Object.fromEntries(values) })
    checked(`${path}: the configuration is valid`)
    return config
  } catch (error) {
    problems.push(`${path}: ${error.message}`)
    return undefined
  }
}

function checkGrace(path, seconds, config) {
  const needed = (config?.http.drainTime ?? 0) + 5
  require(seconds > needed, `${path}: ${seconds} seconds are less than the stop needs (${needed})`)
}

function checkCompose() {
  const [{ services, volumes, configs }] = parse(COMPOSE)
  for (const [
    name,
    { image, build, depends_on: dependencies, volumes: mounts = [], configs: used = [] },
  ] of Object.entries(services)) {
    require(build || /:v?\d/.test(image), `${COMPOSE}: the image of ${name} has no version`)
    for (const other of Object.keys(dependencies ?? {})) {
      require(services[other], `${COMPOSE}: ${name} depends on ${other}, which does not exist`)
    }
    for (const mount of mounts) {
      const [source] = mount.split(':')
      require(source.startsWith('./')
        ? existsSync(source)
        : Object.hasOwn(volumes, source), `${COMPOSE}: ${source} does not exist`)
    }
    for (const { source } of used)
      require(Object.hasOwn(configs, source), `${COMPOSE}: config ${source} does not exist`)
  }
  const gateways = Object.entries(services).filter(([name]) => name.startsWith('gateway-'))
  require(gateways.length === 2, `${COMPOSE}: there are ${gateways.length} gateways`)
  for (const [, { environment, stop_grace_period: grace, read_only: isReadOnly }] of gateways) {
    require(isReadOnly, `${COMPOSE}: the root file system is not read-only`)
    checkGrace(COMPOSE, Number.parseInt(grace, 10), checkVariables(COMPOSE, environment))
  }
  checked(`${COMPOSE}: services, volumes and files exist`)
}

/** Has TypeScript compare the manifests with the types of the Kubernetes API: wrong and misspelt fields do not compile. */
function checkKubernetes() {
  const manifests = readdirSync(KUBERNETES)
    .filter((file) => file.endsWith('.yaml'))
    .flatMap((file) => parse(join(KUBERNETES, file)))
  const lines = manifests.map((manifest, index) => {
    const [group, version = group] = manifest.apiVersion.split('/')
    const module = `kubernetes-types/${manifest.apiVersion.includes('/') ? group.split('.')[0] : 'core'}/${version}`
    return `import type { ${manifest.kind} as Type${index} } from '${module}'\nexport const manifest${index}: Type${index} = ${JSON.stringify(manifest)}`
  })
  const directory = mkdtempSync(join(HERE, 'manifests-'))
  try {
    writeFileSync(join(directory, 'manifests.ts'), lines.join('\n'))
    const flags = [
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      '--module',
      'esnext',
      '--moduleResolution',
      'bundler',
      '--types',
      '',
    ]
    run(`${KUBERNETES}: ${manifests.length} manifests agree with the API`, 'npx', [
      'tsc',
      '--ignoreConfig',
      ...flags,
      join(directory, 'manifests.ts'),
    ])
  } finally {
    rmSync(directory, { recursive: true })
  }
  const byKind = Object.fromEntries(manifests.map((manifest) => [manifest.kind, manifest]))
  const { spec } = byKind.Deployment.spec.template
  const config = checkVariables(KUBERNETES, byKind.ConfigMap.data)
  const [container] = spec.containers
  const preStop = Number(/(\d+)\)$/.exec(container.lifecycle.preStop.exec.command.at(-1))?.[1]) / 1000
  checkGrace(KUBERNETES, spec.terminationGracePeriodSeconds - preStop, config)
  const labels = JSON.stringify(byKind.Deployment.spec.template.metadata.labels)
  for (const selector of [
    byKind.Deployment.spec.selector.matchLabels,
    byKind.Service.spec.selector,
    byKind.PodDisruptionBudget.spec.selector.matchLabels,
  ]) {
    require(JSON.stringify(selector) === labels, `${KUBERNETES}: a selector selects no pod`)
  }
  const ports = container.ports.map(({ name }) => name)
  for (const port of [
    ...byKind.Service.spec.ports.map(({ targetPort }) => targetPort),
    container.readinessProbe.httpGet.port,
  ]) {
    require(ports.includes(port), `${KUBERNETES}: there is no port ${port}`)
  }
  require(byKind.HorizontalPodAutoscaler.spec.scaleTargetRef.name ===
    byKind.Deployment.metadata.name, `${KUBERNETES}: the autoscaler scales nothing`)
}

function checkSystemd() {
  run(`${UNIT}: systemd accepts it`, 'systemd-analyze', ['verify', UNIT])
  run(`${UNIT}: its exposure is small`, 'systemd-analyze', [
    'security',
    '--offline=yes',
    `--threshold=${EXPOSURE_MAX}`,
    UNIT,
  ])
  const [, seconds] = /^TimeoutStopSec=(\d+)$/m.exec(readFileSync(UNIT, 'utf8')) ?? []
  checkGrace(UNIT, Number(seconds), loadConfig({}).config)
}

function checkProxies() {
  const [, documented = ''] = /```caddy\n([\s\S]*?)```/.exec(readFileSync('docs/operations/proxy.md', 'utf8')) ?? []
  const directory = mkdtempSync(join(tmpdir(), 'caddy-'))
  try {
    const copy = join(directory, 'Caddyfile')
    writeFileSync(copy, documented)
    const files = {
      'docs/deployment/compose/Caddyfile': 'docs/deployment/compose/Caddyfile',
      'docs/operations/proxy.md': copy,
    }
    for (const [path, file] of Object.entries(files)) {
      const env = { ...process.env, DOMAIN: 'rtc.example.com' }
      run(`${path}: Caddy accepts it`, 'caddy', ['adapt', '--adapter', 'caddyfile', '--config', file], { env })
    }
  } finally {
    rmSync(directory, { recursive: true })
  }
  const prometheus = 'docs/deployment/compose/prometheus.yml'
  parse(prometheus)
  run(`${prometheus}: Prometheus accepts it`, 'promtool', ['check', 'config', '--syntax-only', prometheus])
}

checkCompose()
checkKubernetes()
checkSystemd()
checkProxies()
for (const problem of problems) console.error(`FAIL ${problem}`)
process.exitCode = problems.length > 0 ? 1 : 0
