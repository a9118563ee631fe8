import { readFileSync } from 'node:fs'
import { type Command, type Outcome, printed, UsageError } from './command.ts'

/** Each command is loaded when it is used: `--version` and `token` do not wait for the gateway's modules. */
const COMMANDS: Readonly<Record<string, { readonly summary: string; load(): Promise<Command> }>> = {
  start: { summary: 'starts the gateway (the default)', load: async () => (await import('./start.ts')).start },
  check: { summary: 'checks the configuration without starting', load: async () => (await import('./check.ts')).check },
  migrate: { summary: 'applies pending migrations', load: async () => (await import('./migrate.ts')).migrate },
  doctor: { summary: 'checks what the gateway depends on', load: async () => (await import('./doctor.ts')).doctor },
  vapid: { summary: 'prints new keys for Web Push', load: async () => (await import('./vapid.ts')).vapid },
  token: { summary: 'prints a token for a user', load: async () => (await import('./token.ts')).token },
}

const HELP = `Usage: rtc-gateway [command] [options]

${Object.entries(COMMANDS)
  .map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}`)
  .join('\n')}

  --help     prints this help, or that of a command
  --version  prints the version

Environment variables configure the gateway: docs/operations.md lists them.`

/**
 * The command line.
 *
 * @param argv the arguments, without the program's name
 */
export async function rtcGateway(argv: readonly string[]): Promise<Outcome> {
  const [first = 'start'] = argv
  if (['--help', '-h', 'help'].includes(first)) return printed(HELP)
  if (['--version', '-v', 'version'].includes(first)) return printed(packageFile().version)
  const outdated = outdatedNode()
  if (outdated) return { exitCode: 1, stderr: `${outdated}\n` }
  const isOption = first.startsWith('-')
  const name = isOption ? 'start' : first
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (!command) return misused(`there is no command ${JSON.stringify(name)}`, 'rtc-gateway --help')
  const { help, run } = await command.load()
  const rest = isOption ? argv : argv.slice(1)
  if (helpIsWanted(rest)) return printed(help)
  try {
    return await run(rest)
  } catch (error) {
    if (error instanceof UsageError) return misused(error.message, `rtc-gateway ${name} --help`)
    throw error
  }
}

const misused = (problem: string, advice: string): Outcome => ({
  exitCode: 2,
  stderr: `rtc-gateway: ${problem.replace(/\.$/, '')}; see ${advice}\n`,
})

function helpIsWanted(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return argv.slice(0, end < 0 ? undefined : end).some((argument) => argument === '--help' || argument === '-h')
}

/** Resolves to the same file from `src/cli` and `dist/cli`. */
const packageFile = (): { version: string; engines: { node: string } } =>
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
    engines: { node: string }
  }

function outdatedNode(): string | undefined {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const required = packageFile().engines.node
  const [requiredMajor = 0, requiredMinor = 0] = required.replace(/^\D+/, '').split('.').map(Number)
  if (major > requiredMajor || (major === requiredMajor && minor >= requiredMinor)) return undefined
  return `The gateway requires Node.js ${required}; this is ${process.version}.`
}
