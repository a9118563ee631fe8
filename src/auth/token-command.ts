import { parseArgs } from 'node:util'
import { ConfigError, loadConfig, type Configuration } from '../config.ts'
import { isUserId, USER_ID_MAX } from '../core/actor.ts'
import { systemClock, type Clock } from '../core/clock.ts'
import { developmentSecret, mintToken } from './development.ts'

/** The result of a command. Exit codes: 0 success, 1 not possible with this configuration, 2 invalid arguments. */
export interface CommandOutcome {
  readonly exitCode: 0 | 1 | 2
  readonly stdout: string
  readonly stderr: string
}

const USAGE = `Usage: npm run -s token -- <user id> [--ttl 1h] [--scope rtc:admin]

Prints a token that a gateway with the same configuration accepts.

  --ttl    lifetime: a whole number of s, m, h or d (default 1h)
  --scope  scopes, separated by spaces; may be repeated
  --help   prints this help`

/**
 * The `token` command.
 *
 * @param argv the arguments, without the program's name
 * @param options.environment @default the environment of the process
 */
export async function tokenCommand(
  argv: readonly string[],
  { environment, clock = systemClock }: { environment?: Record<string, string | undefined>; clock?: Clock } = {},
): Promise<CommandOutcome> {
  try {
    const request = parse(argv)
    if (request === 'help') return printed(USAGE)
    const configuration = loadConfig(environment)
    const secret = await signingSecret(configuration)
    if (secret === undefined) {
      return failed(1, 'The gateway cannot sign tokens: with JWT_PUBLIC_KEY or JWKS_URL only the issuer can')
    }
    const { issuer, audience, userClaim } = configuration.config.auth
    return printed(await mintToken({ ...request, secret, issuer, audience, userClaim, now: clock.now() }))
  } catch (error) {
    if (error instanceof UsageError) return failed(2, `${error.message}\n\n${USAGE}`)
    if (error instanceof ConfigError) return failed(1, error.message)
    throw error
  }
}

const printed = (text: string): CommandOutcome => ({ exitCode: 0, stdout: `${text}\n`, stderr: '' })
const failed = (exitCode: 1 | 2, text: string): CommandOutcome => ({ exitCode, stdout: '', stderr: `${text}\n` })

async function signingSecret({ config, secrets }: Configuration): Promise<string | undefined> {
  return config.development ? developmentSecret(config.dataDir) : secrets.jwtSecret
}

class UsageError extends Error {}

function parse(argv: readonly string[]): 'help' | { userId: string; ttl: number; scopes: string[] } {
  const { values, positionals } = parsedArgs(argv)
  if (values.help) return 'help'
  const [userId, ...rest] = positionals
  if (userId === undefined) throw new UsageError('The user id is missing.')
  if (rest.length > 0) throw new UsageError(`Expected one user id, not ${positionals.length}.`)
  if (!isUserId(userId)) {
    throw new UsageError(`A user id has 1 to ${USER_ID_MAX} characters and no control characters.`)
  }
  return {
    userId,
    ttl: secondsOf(values.ttl),
    scopes: values.scope.flatMap((scope) => scope.split(' ').filter(Boolean)),
  }
}

function parsedArgs(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        ttl: { type: 'string', default: '1h' },
        scope: { type: 'string', multiple: true, default: [] },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 }

function secondsOf(ttl: string): number {
  const [, amount, unit = ''] = /^([1-9]\d{0,5})([smhd])$/.exec(ttl) ?? []
  const seconds = Number(amount) * (UNITS[unit] ?? Number.NaN)
  if (Number.isNaN(seconds)) throw new UsageError(`--ttl ${ttl}: must be a whole number of s, m, h or d, such as 30m.`)
  return seconds
}
