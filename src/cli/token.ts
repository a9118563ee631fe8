import { developmentSecret, mintToken } from '../auth/development.ts'
import { ConfigError, loadConfig, type Configuration } from '../config.ts'
import { isUserId, USER_ID_MAX } from '../core/actor.ts'
import { systemClock, type Clock } from '../core/clock.ts'
import { type Command, failed, type Outcome, parseArguments, printed, UsageError } from './command.ts'

const HELP = `Usage: rtc-gateway token <user id> [--ttl 1h] [--scope rtc:admin]

Prints a token that a gateway with the same configuration accepts.

  --ttl    lifetime: a whole number of s, m, h or d (default 1h)
  --scope  scopes, separated by spaces; may be repeated`

export const token: Command = { help: HELP, run: printToken }

/**
 * @param argv the arguments, without the program's and the command's name
 * @param options.environment @default the environment of the process
 * @throws UsageError
 */
export async function printToken(
  argv: readonly string[],
  { environment, clock = systemClock }: { environment?: Record<string, string | undefined>; clock?: Clock } = {},
): Promise<Outcome> {
  const request = parse(argv)
  try {
    const configuration = loadConfig(environment)
    const secret = await signingSecret(configuration)
    if (secret === undefined) {
      return failed('The gateway cannot sign tokens: with JWT_PUBLIC_KEY or JWKS_URL only the issuer can')
    }
    const { issuer, audience, userClaim } = configuration.config.auth
    return printed(await mintToken({ ...request, secret, issuer, audience, userClaim, now: clock.now() }))
  } catch (error) {
    if (error instanceof ConfigError) return failed(error.message)
    throw error
  }
}

async function signingSecret({ config, secrets }: Configuration): Promise<string | undefined> {
  return config.development ? developmentSecret(config.dataDir) : secrets.jwtSecret
}

function parse(argv: readonly string[]): { userId: string; ttl: number; scopes: string[] } {
  const { values, positionals } = parseArguments(argv, {
    allowPositionals: true,
    options: {
      ttl: { type: 'string', default: '1h' },
      scope: { type: 'string', multiple: true, default: [] },
    },
  })
  const [userId, ...rest] = positionals
  if (userId === undefined) throw new UsageError('the user id is missing')
  if (rest.length > 0) throw new UsageError(`expected one user id, not ${positionals.length}`)
  if (!isUserId(userId)) {
    throw new UsageError(`a user id has 1 to ${USER_ID_MAX} characters and no control characters`)
  }
  return {
    userId,
    ttl: secondsOf(values.ttl),
    scopes: values.scope.flatMap((scope) => scope.split(' ').filter(Boolean)),
  }
}

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 }

function secondsOf(ttl: string): number {
  const [, amount, unit = ''] = /^([1-9]\d{0,5})([smhd])$/.exec(ttl) ?? []
  const seconds = Number(amount) * (UNITS[unit] ?? Number.NaN)
  if (Number.isNaN(seconds)) throw new UsageError(`--ttl ${ttl}: must be a whole number of s, m, h or d, such as 30m`)
  return seconds
}
