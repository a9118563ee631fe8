import { isIP } from 'node:net'
import { z } from 'zod'
import { LOG_LEVELS, type LogLevel } from './core/logger.ts'
import { MEDIA_PROVIDERS, type MediaProvider } from './core/media-provider.ts'
import { type Action, ACTIONS, parseRate, RATES, rateVariable } from './limits/rate-table.ts'
import type { Rate } from './limits/token-bucket.ts'

/** Everything that can be configured and may be printed. */
export interface Config {
  /** Development mode: no key is configured and NODE_ENV is not `production`. */
  readonly development: boolean
  /** NODE_ENV is `production`. */
  readonly production: boolean
  /** Serve GraphiQL to browsers: everywhere but in production. */
  readonly graphiql: boolean
  /** Answer introspection of the GraphQL schema: everywhere but in production, unless INTROSPECTION says otherwise. */
  readonly introspection: boolean
  /** GraphQL documents that are known beforehand; `only` refuses all others, in production. */
  readonly trustedDocuments: { readonly path: string; readonly only: boolean } | undefined
  /** Serve the call page: in development mode, unless CALL_PAGE says otherwise. */
  readonly callPage: boolean
  readonly http: {
    /** Undefined: every address, or in development mode, which hands out tokens, those of this machine only. */
    readonly host: string | undefined
    /** 0 picks a free port. */
    readonly port: number
    /** Seconds over which SIGTERM closes the sockets. */
    readonly drainTime: number
    /** Origins that may call from a browser; `*` for all, `https://*.example.com` for subdomains. */
    readonly corsOrigins: readonly string[]
    /** Seconds that a connection may be idle. */
    readonly keepAliveTimeout: number
    /** Where clients reach the gateway, without a slash at the end; absent: addresses that it tells are relative. */
    readonly publicUrl: string | undefined
    /** Proxies whose `X-Forwarded-For` is believed: addresses, CIDR ranges, `loopback`, `private`. */
    readonly trustProxy: readonly string[]
    readonly connections: { readonly max: number; readonly maxPerAddress: number }
    /** Requests in work. */
    readonly requests: { readonly max: number; readonly maxPerAddress: number }
  }
  /** Seconds for which a database that cannot be reached is waited for at the start. */
  readonly databaseWait: number
  /** Where the embedded database and the development secret live. */
  readonly dataDir: string
  readonly auth: {
    readonly issuer: string | undefined
    readonly audience: string | undefined
    /** The claim that holds the user's id. */
    readonly userClaim: string
    readonly jwksUrl: string | undefined
    /** Seconds for which fetched keys are used while JWKS_URL does not answer. */
    readonly jwksMaxStale: number
    /** Take tokens that never expire. */
    readonly allowNoExpiry: boolean
  }
  readonly deadlines: Deadlines
  /** What a call to somebody who is in another call does. */
  readonly busyPolicy: (typeof BUSY_POLICIES)[number]
  readonly quotas: {
    /** Rooms of one user that may be live at the same time. */
    readonly liveRoomsMax: number
    /** Calls and invitations that may ring for one user at the same time. */
    readonly ringingMax: number
  }
  readonly ice: { readonly stunUrls: readonly string[]; readonly turnUrls: readonly string[] }
  readonly media: {
    /** Of rooms that are created without one; it is configured. */
    readonly defaultProvider: MediaProvider
    /** Seats of a group of provider `webrtc` that names no number: each participant sends to each other. */
    readonly meshMax: number
    /** Undefined where there is no account. */
    readonly volcengine: { readonly appId: string } | undefined
    readonly livekit: { readonly url: string; readonly apiKey: string } | undefined
    readonly tencent: { readonly sdkAppId: string } | undefined
    readonly agora: { readonly appId: string } | undefined
  }
  /** Absent: RATE_LIMITS is off; no rate is limited, neither per user nor per address. Bounds on size hold regardless. */
  readonly rates: Readonly<Record<Action, Rate>> | undefined
  readonly logLevel: LogLevel
}

/** `ring`: it rings all the same; `reject`: it ends as busy at once. */
const BUSY_POLICIES = ['ring', 'reject'] as const

/** All in seconds. */
export interface Deadlines {
  readonly ring: number
  readonly grace: number
  readonly empty: number
  readonly maxDuration: number
}

/** What must never be printed. */
export interface Secrets {
  /** Absent: the gateway runs its own server in `dataDir`. */
  readonly databaseUrl: string | undefined
  /** HS256 secret. */
  readonly jwtSecret: string | undefined
  /** SPKI in PEM. */
  readonly jwtPublicKey: string | undefined
  readonly turnSecret: string | undefined
  readonly volcengineAppKey: string | undefined
  readonly livekitApiSecret: string | undefined
  readonly tencentSecret: string | undefined
  readonly agoraCertificate: string | undefined
}

export interface Configuration {
  readonly config: Config
  readonly secrets: Secrets
}

/** Every problem of a configuration, one line each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`The configuration is not valid:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`)
    this.problems = problems
  }
}

const text = z.string().trim().min(1)
const seconds = (fallback: number, max = 2_147_483) =>
  z
    .string()
    .regex(/^\d+$/, 'must be a whole number of seconds')
    .transform(Number)
    .refine((value) => value >= 1 && value <= max, `must be between 1 and ${max} seconds`)
    .default(fallback)
const count = (fallback: number, max = 1_000_000) =>
  z
    .string()
    .regex(/^\d+$/, 'must be a whole number')
    .transform(Number)
    .refine((value) => value >= 1 && value <= max, `must be between 1 and ${max}`)
    .default(fallback)
const list = (schema: z.ZodType<string, string>, fallback = '') =>
  z
    .string()
    .default(fallback)
    .transform((value) =>
      value
        .split(',')
        .map((item) => item.trim())
        .filter(Boolean),
    )
    .pipe(z.array(schema))
const url = (protocols: RegExp, name: string) => z.string().regex(protocols, `must be a URL of the form ${name}`)

const rate = (fallback: string) =>
  z
    .string()
    .refine((value) => parseRate(value) !== null, 'must be of the form 120/60s: so many at once, refilled over so long')
    .default(fallback)
const rateVariables = Object.fromEntries(
  ACTIONS.map((action) => [rateVariable(action), rate(RATES[action].default)]),
) as Record<`RATE_${Uppercase<Action>}`, ReturnType<typeof rate>>

/** A URL that is printed with the configuration, and perhaps handed to clients: it must hold no credentials. */
function isOpenUrl(value: string, protocols: RegExp): boolean {
  if (!URL.canParse(value)) return false
  const { protocol, username, password } = new URL(value)
  return protocols.test(protocol) && !username && !password
}

/** As browsers write it: https://www.rfc-editor.org/rfc/rfc6454#section-6.1. Other schemes are those of app shells. */
function originOf(value: string): string | undefined {
  if (value === '*') return value
  const [, scheme = '', wildcard = '', rest = ''] = /^([a-z][a-z\d+.-]*:\/\/)(\*\.)?([^/?#@*]+)\/?$/i.exec(value) ?? []
  if (!URL.canParse(scheme + rest)) return undefined
  const { protocol, host, pathname } = new URL(scheme + rest)
  return pathname.length > 1 ? undefined : `${protocol}//${wildcard}${host.toLowerCase()}`
}

const PROXY = /^(loopback|private)$/

function isProxyRange(value: string): boolean {
  if (PROXY.test(value)) return true
  const [address = '', bits, ...rest] = value.split('/')
  const width = { 4: 32, 6: 128 }[isIP(address)]
  if (width === undefined || rest.length > 0) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= width)
}

/** HS256 wants a key at least as long as its hash (RFC 7518, section 3.2). */
const HS256_MIN_BYTES = 32

const AGORA_ID = /^[0-9A-Fa-f]{32}$/

const ENVIRONMENTS = ['development', 'production', 'test'] as const

const Variables = z.object({
  // A misspelt `production` must not start development mode.
  NODE_ENV: z.enum(ENVIRONMENTS).optional(),
  PORT: z
    .string()
    .regex(/^\d+$/, 'must be a port number')
    .transform(Number)
    .refine((port) => port <= 65_535, 'must be at most 65535')
    .default(3000),
  HOST: text.optional(),
  DATABASE_URL: url(/^postgres(ql)?:\/\/./, 'postgresql://user:password@host:5432/database').optional(),
  DATABASE_WAIT: seconds(30, 3600),
  DATA_DIR: text.default('.data'),
  // Whoever knows the public key could sign with it.
  JWT_SECRET: z
    .string()
    .refine((secret) => !secret.includes('-----BEGIN '), 'must not be a PEM: a public key belongs in JWT_PUBLIC_KEY')
    .refine(
      (secret) => Buffer.byteLength(secret) >= HS256_MIN_BYTES,
      `must be at least ${HS256_MIN_BYTES} bytes long, for example from: openssl rand -base64 32`,
    )
    .optional(),
  JWT_PUBLIC_KEY: z
    .string()
    .transform((pem) => pem.replaceAll('\\n', '\n').trim())
    .refine((pem) => pem.startsWith('-----BEGIN PUBLIC KEY-----'), 'must be an SPKI public key in PEM')
    .optional(),
  JWKS_URL: z
    .string()
    .refine(
      (value) => isOpenUrl(value, /^https?:$/),
      'must be a URL of the form https://issuer/.well-known/jwks.json, without credentials',
    )
    .optional(),
  JWKS_MAX_STALE: seconds(86_400),
  JWT_ISSUER: text.optional(),
  JWT_AUDIENCE: text.optional(),
  JWT_USER_CLAIM: text.default('sub'),
  JWT_WITHOUT_EXP: z.enum(['refuse', 'allow']).default('refuse'),
  CORS_ORIGINS: list(
    z
      .string()
      .refine(
        (value) => originOf(value) !== undefined,
        'must be * or origins such as https://app.example, https://*.app.example',
      )
      .transform((value) => originOf(value) ?? value),
    '*',
  ),
  PUBLIC_URL: text
    .refine((value) => isOpenUrl(value, /^https?:$/), 'must be a URL of the form https://host/prefix')
    .refine((value) => !/[?#]/.test(value), 'must have no query')
    .transform((value) => value.replace(/\/+$/, ''))
    .optional(),
  TRUST_PROXY: list(
    z.string().refine(isProxyRange, 'must be addresses or ranges such as 10.0.0.0/8, or loopback, or private'),
  ),
  KEEP_ALIVE_TIMEOUT: seconds(75, 3600),
  MAX_CONNECTIONS: count(10_000),
  MAX_CONNECTIONS_PER_ADDRESS: count(1_000),
  MAX_REQUESTS: count(1_000),
  MAX_REQUESTS_PER_ADDRESS: count(250),
  RING_TIMEOUT: seconds(45),
  DISCONNECT_GRACE: seconds(20),
  EMPTY_TIMEOUT: seconds(30),
  MAX_DURATION: seconds(86_400),
  DRAIN_TIME: seconds(5, 3600),
  BUSY_POLICY: z.enum(BUSY_POLICIES).default('ring'),
  STUN_URLS: list(url(/^stuns?:./, 'stun:host:3478')),
  TURN_URLS: list(url(/^turns?:./, 'turn:host:3478')),
  TURN_SECRET: text.optional(),
  DEFAULT_PROVIDER: z.enum(MEDIA_PROVIDERS).default('webrtc'),
  VOLCENGINE_APP_ID: text.regex(/^[0-9A-Za-z]{24}$/, 'must have 24 letters and digits').optional(),
  VOLCENGINE_APP_KEY: text.optional(),
  LIVEKIT_URL: text
    .refine(
      (value) => isOpenUrl(value, /^(ws|http)s?:$/),
      'must be a URL of the form wss://livekit.example, without credentials',
    )
    .optional(),
  LIVEKIT_API_KEY: text.optional(),
  LIVEKIT_API_SECRET: text.optional(),
  TENCENT_SDK_APP_ID: text.regex(/^[1-9]\d{0,9}$/, 'must be a number').optional(),
  TENCENT_SECRET: text.optional(),
  AGORA_APP_ID: text.regex(AGORA_ID, 'must have 32 hexadecimal digits').optional(),
  AGORA_CERTIFICATE: text.regex(AGORA_ID, 'must have 32 hexadecimal digits').optional(),
  CALL_PAGE: z.enum(['on', 'off']).optional(),
  INTROSPECTION: z.enum(['on', 'off']).optional(),
  TRUSTED_DOCUMENTS: text.default('off'),
  MESH_MAX: count(6, 1000),
  LIVE_ROOMS_MAX: count(1000),
  RINGING_MAX: count(8, 1000),
  RATE_LIMITS: z.enum(['on', 'off']).default('on'),
  ...rateVariables,
  LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
})

/** Every variable that is read, with its default as it would be written; empty where there is none. */
export const VARIABLES: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(Variables.shape).map(([name, schema]) => {
    const { data } = schema.safeParse(undefined)
    return [name, data === undefined ? '' : String(data)]
  }),
)

/** What each provider needs before this gateway can let somebody in: all of it, or the provider is not configured. */
export const PROVIDER_VARIABLES = {
  webrtc: [],
  volcengine: ['VOLCENGINE_APP_ID', 'VOLCENGINE_APP_KEY'],
  livekit: ['LIVEKIT_URL', 'LIVEKIT_API_KEY', 'LIVEKIT_API_SECRET'],
  tencent: ['TENCENT_SDK_APP_ID', 'TENCENT_SECRET'],
  agora: ['AGORA_APP_ID', 'AGORA_CERTIFICATE'],
} as const satisfies Record<MediaProvider, readonly (keyof typeof Variables.shape)[]>

const Environment = Variables.superRefine(
  (env, context) => {
    const keys = (['JWT_SECRET', 'JWT_PUBLIC_KEY', 'JWKS_URL'] as const).filter((name) => env[name] !== undefined)
    const problem = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message })
    if (keys.length > 1) problem(keys.join(', '), 'only one of these may be set')
    if (keys.length === 0 && env.NODE_ENV === 'production') {
      problem('JWT_SECRET', 'production needs a key: set JWT_SECRET, JWT_PUBLIC_KEY or JWKS_URL')
    }
    if (env.TURN_URLS.length > 0 && !env.TURN_SECRET) problem('TURN_SECRET', 'is needed with TURN_URLS')
    if (env.TURN_SECRET && env.TURN_URLS.length === 0) problem('TURN_URLS', 'is needed with TURN_SECRET')
    for (const provider of MEDIA_PROVIDERS) {
      const needed: readonly (keyof typeof env)[] = PROVIDER_VARIABLES[provider]
      const given = needed.filter((name) => env[name] !== undefined)
      const missing = needed.filter((name) => env[name] === undefined)
      if (given.length > 0) for (const name of missing) problem(name, `is needed with ${given.join(' and ')}`)
      if (provider === env.DEFAULT_PROVIDER && needed.length > 0 && given.length === 0) {
        problem('DEFAULT_PROVIDER', `${provider} needs ${needed.join(', ')}`)
      }
    }
  },
  // Beside other problems too, so that all are told at once.
  { when: () => true },
)

/**
 * Reads the environment; the only reader of it. An empty variable counts as absent.
 *
 * @param environment @default the process's own
 * @throws ConfigError naming every problem at once
 */
export function loadConfig(environment: Record<string, string | undefined> = process.env): Configuration {
  const present = Object.fromEntries(Object.entries(environment).filter(([, value]) => value?.trim()))
  const parsed = Environment.safeParse(present)
  if (!parsed.success) {
    throw new ConfigError(parsed.error.issues.map((issue) => `${issue.path[0]?.toString() ?? ''}: ${issue.message}`))
  }
  const env = parsed.data
  // Load tests come from one address.
  const perAddress = env.RATE_LIMITS === 'on'
  const keyed = env.JWT_SECRET ?? env.JWT_PUBLIC_KEY ?? env.JWKS_URL
  return {
    config: {
      development: keyed === undefined,
      production: env.NODE_ENV === 'production',
      graphiql: env.NODE_ENV !== 'production',
      introspection: env.INTROSPECTION === undefined ? env.NODE_ENV !== 'production' : env.INTROSPECTION === 'on',
      trustedDocuments:
        env.TRUSTED_DOCUMENTS === 'off'
          ? undefined
          : { path: env.TRUSTED_DOCUMENTS, only: env.NODE_ENV === 'production' },
      callPage: env.CALL_PAGE === undefined ? keyed === undefined : env.CALL_PAGE === 'on',
      http: {
        host: env.HOST,
        port: env.PORT,
        corsOrigins: env.CORS_ORIGINS,
        drainTime: env.DRAIN_TIME,
        keepAliveTimeout: env.KEEP_ALIVE_TIMEOUT,
        publicUrl: env.PUBLIC_URL,
        trustProxy: env.TRUST_PROXY,
        connections: {
          max: env.MAX_CONNECTIONS,
          maxPerAddress: perAddress ? env.MAX_CONNECTIONS_PER_ADDRESS : Infinity,
        },
        requests: {
          max: env.MAX_REQUESTS,
          maxPerAddress: perAddress ? env.MAX_REQUESTS_PER_ADDRESS : Infinity,
        },
      },
      databaseWait: env.DATABASE_WAIT,
      dataDir: env.DATA_DIR,
      auth: {
        issuer: env.JWT_ISSUER,
        audience: env.JWT_AUDIENCE,
        userClaim: env.JWT_USER_CLAIM,
        jwksUrl: env.JWKS_URL,
        jwksMaxStale: env.JWKS_MAX_STALE,
        allowNoExpiry: env.JWT_WITHOUT_EXP === 'allow',
      },
      deadlines: {
        ring: env.RING_TIMEOUT,
        grace: env.DISCONNECT_GRACE,
        empty: env.EMPTY_TIMEOUT,
        maxDuration: env.MAX_DURATION,
      },
      busyPolicy: env.BUSY_POLICY,
      quotas: { liveRoomsMax: env.LIVE_ROOMS_MAX, ringingMax: env.RINGING_MAX },
      ice: { stunUrls: env.STUN_URLS, turnUrls: env.TURN_URLS },
      media: {
        defaultProvider: env.DEFAULT_PROVIDER,
        meshMax: env.MESH_MAX,
        volcengine: env.VOLCENGINE_APP_ID ? { appId: env.VOLCENGINE_APP_ID } : undefined,
        livekit:
          env.LIVEKIT_URL && env.LIVEKIT_API_KEY ? { url: env.LIVEKIT_URL, apiKey: env.LIVEKIT_API_KEY } : undefined,
        tencent: env.TENCENT_SDK_APP_ID ? { sdkAppId: env.TENCENT_SDK_APP_ID } : undefined,
        agora: env.AGORA_APP_ID ? { appId: env.AGORA_APP_ID } : undefined,
      },
      rates: env.RATE_LIMITS === 'off' ? undefined : ratesOf(env),
      logLevel: env.LOG_LEVEL,
    },
    secrets: {
      databaseUrl: env.DATABASE_URL,
      jwtSecret: env.JWT_SECRET,
      jwtPublicKey: env.JWT_PUBLIC_KEY,
      turnSecret: env.TURN_SECRET,
      volcengineAppKey: env.VOLCENGINE_APP_KEY,
      livekitApiSecret: env.LIVEKIT_API_SECRET,
      tencentSecret: env.TENCENT_SECRET,
      agoraCertificate: env.AGORA_CERTIFICATE,
    },
  }
}

function ratesOf(env: Readonly<Record<`RATE_${Uppercase<Action>}`, string>>): Readonly<Record<Action, Rate>> {
  const rates = ACTIONS.map((action) => [action, parseRate(env[rateVariable(action)])] as const)
  return Object.fromEntries(rates) as Record<Action, Rate>
}
