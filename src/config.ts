import { z } from 'zod'
import {
  authConfig,
  type AuthConfig,
  authContradictions,
  type AuthSecrets,
  authVariables,
  keysOf,
} from './auth/variables.ts'
import { seconds, text, url } from './core/variable.ts'
import { httpConfig, type HttpConfig, httpVariables } from './http/variables.ts'
import type { Action } from './limits/rate-table.ts'
import { eventVariables } from './events/variables.ts'
import type { Rate } from './limits/token-bucket.ts'
import { limitVariables, ratesOf } from './limits/variables.ts'
import { type LogConfig, logConfig, logVariables } from './logs/variables.ts'
import { type ProviderSecrets, settingsOf } from './media/providers.ts'
import { type IceUrls, type MediaConfig, mediaContradictions, mediaVariables } from './media/variables.ts'
import { type MetricsConfig, metricsConfig, metricsVariables } from './metrics/variables.ts'
import {
  pushConfig,
  type PushConfig,
  pushContradictions,
  type PushSecrets,
  pushSecrets,
  pushVariables,
} from './push/variables.ts'
import { retentionConfig, type RetentionConfig, retentionVariables } from './retention/variables.ts'
import { tracingConfig, type TracingConfig, tracingVariables } from './tracing/variables.ts'
import {
  type WebhookConfig,
  webhookConfig,
  webhookContradictions,
  type WebhookSecrets,
  webhookSecrets,
  webhookVariables,
} from './webhooks/variables.ts'
import { type RoomsConfig, roomsConfig, roomVariables } from './rooms/variables.ts'
import {
  type WukongimConfig,
  wukongimConfig,
  wukongimContradictions,
  type WukongimSecrets,
  wukongimSecrets,
  wukongimVariables,
} from './wukongim/variables.ts'

/** All configuration except secrets; safe to print. */
export interface Config extends RoomsConfig, RetentionConfig {
  /** Development mode: no key is configured and NODE_ENV is not `production`. */
  readonly development: boolean
  /** NODE_ENV is `production`. */
  readonly production: boolean
  /** Serve GraphiQL. On except in production. */
  readonly graphiql: boolean
  /** Allow introspection of the GraphQL schema. By default on except in production; INTROSPECTION overrides it. */
  readonly introspection: boolean
  /** The manifest of trusted GraphQL documents; with `only`, in production, all other documents are refused. */
  readonly trustedDocuments: { readonly path: string; readonly only: boolean } | undefined
  /** Serve the call page. By default on in development mode only; CALL_PAGE overrides it. */
  readonly callPage: boolean
  /** Serve the admin page. By default on in development mode only; ADMIN_PAGE overrides it. */
  readonly adminPage: boolean
  readonly http: HttpConfig
  /** Seconds to wait at the start for a database that cannot be reached. */
  readonly databaseWait: number
  /** Apply pending migrations at the start. Otherwise the gateway refuses to start while there are any. */
  readonly migrateAtStart: boolean
  /** The directory of the embedded database and the development secret. */
  readonly dataDir: string
  readonly auth: AuthConfig
  readonly ice: IceUrls
  readonly media: MediaConfig
  /** Absent if RATE_LIMITS is off: no limits per user or address. Bounds on size and number still apply. */
  readonly rates: Readonly<Record<Action, Rate>> | undefined
  readonly logs: LogConfig
  /** Absent: no spans are exported. */
  readonly tracing: TracingConfig | undefined
  readonly webhooks: WebhookConfig
  readonly push: PushConfig
  /** Absent: no messages are sent to WukongIM. */
  readonly wukongim: WukongimConfig | undefined
  /** Absent: no metrics are collected or served. */
  readonly metrics: MetricsConfig | undefined
}

/** Configuration that must never be printed. */
export interface Secrets extends AuthSecrets, ProviderSecrets, WebhookSecrets, PushSecrets, WukongimSecrets {
  /** Absent: the gateway runs an embedded server in `dataDir`. */
  readonly databaseUrl: string | undefined
  readonly turnSecret: string | undefined
  /** The bearer token of `/metrics`. Absent: everybody who reaches `METRICS_PORT` may read them. */
  readonly metricsToken: string | undefined
  /** The NATS servers that carry notices between nodes. Absent: PostgreSQL does. */
  readonly busUrl: string | undefined
}

export interface Configuration {
  readonly config: Config
  readonly secrets: Secrets
}

/** An invalid configuration. The message lists every problem on a line of its own. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`The configuration is invalid:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`)
    this.problems = problems
  }
}

const ENVIRONMENTS = ['development', 'production', 'test'] as const

const Variables = z.object({
  // An enum, because a misspelt `production` must not enable development mode.
  NODE_ENV: z.enum(ENVIRONMENTS).optional(),
  DATABASE_URL: url(/^postgres(ql)?:\/\/./, 'postgresql://user:password@host:5432/database').optional(),
  DATABASE_WAIT: seconds(30, 3600),
  MIGRATE: z.enum(['auto', 'off']).default('auto'),
  DATA_DIR: text.default('.data'),
  CALL_PAGE: z.enum(['on', 'off']).optional(),
  ADMIN_PAGE: z.enum(['on', 'off']).optional(),
  INTROSPECTION: z.enum(['on', 'off']).optional(),
  TRUSTED_DOCUMENTS: text.default('off'),
  ...logVariables,
  ...tracingVariables,
  ...httpVariables,
  ...authVariables,
  ...roomVariables,
  ...eventVariables,
  ...retentionVariables,
  ...mediaVariables,
  ...webhookVariables,
  ...pushVariables,
  ...wukongimVariables,
  ...limitVariables,
  ...metricsVariables,
})

/** Every variable with the text of its default, which is empty if it has none. */
export const VARIABLES: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(Variables.shape).map(([name, schema]) => {
    const { data } = schema.safeParse(undefined)
    return [name, data === undefined ? '' : String(data)]
  }),
)

const Environment = Variables.superRefine(
  (env, context) => {
    for (const { variable, message } of [
      ...authContradictions(env),
      ...mediaContradictions(env),
      ...webhookContradictions(env),
      ...pushContradictions(env),
      ...wukongimContradictions(env),
    ]) {
      context.addIssue({ code: 'custom', path: [variable], message })
    }
  },
  // Run even if single variables are invalid, so that all problems are reported at once.
  { when: () => true },
)

/**
 * Reads the configuration from the environment. No other code reads the environment. Empty variables count as absent.
 *
 * @param environment @default process.env
 * @throws ConfigError listing all problems
 */
export function loadConfig(environment: Record<string, string | undefined> = process.env): Configuration {
  const present = Object.fromEntries(Object.entries(environment).filter(([, value]) => value?.trim()))
  const parsed = Environment.safeParse(present)
  if (!parsed.success) {
    throw new ConfigError(parsed.error.issues.map((issue) => `${issue.path[0]?.toString() ?? ''}: ${issue.message}`))
  }
  const env = parsed.data
  const isProduction = env.NODE_ENV === 'production'
  const isDevelopment = keysOf(env).length === 0
  const providers = settingsOf(env)
  return {
    config: {
      development: isDevelopment,
      production: isProduction,
      graphiql: !isProduction,
      introspection: env.INTROSPECTION === undefined ? !isProduction : env.INTROSPECTION === 'on',
      trustedDocuments:
        env.TRUSTED_DOCUMENTS === 'off' ? undefined : { path: env.TRUSTED_DOCUMENTS, only: isProduction },
      callPage: env.CALL_PAGE === undefined ? isDevelopment : env.CALL_PAGE === 'on',
      adminPage: env.ADMIN_PAGE === undefined ? isDevelopment : env.ADMIN_PAGE === 'on',
      http: httpConfig(env, { perAddress: env.RATE_LIMITS === 'on' }),
      databaseWait: env.DATABASE_WAIT,
      migrateAtStart: env.MIGRATE === 'auto',
      dataDir: env.DATA_DIR,
      auth: authConfig(env),
      ...roomsConfig(env),
      ...retentionConfig(env),
      ice: { stunUrls: env.STUN_URLS, turnUrls: env.TURN_URLS },
      media: {
        defaultProvider: env.DEFAULT_PROVIDER,
        meshMax: env.MESH_MAX,
        tokenTtl: env.MEDIA_TOKEN_TTL,
        ...providers.open,
      },
      rates: ratesOf(env),
      logs: logConfig(env),
      tracing: tracingConfig(env),
      webhooks: webhookConfig(env, { production: isProduction }),
      push: pushConfig(env),
      wukongim: wukongimConfig(env),
      metrics: metricsConfig(env),
    },
    secrets: {
      databaseUrl: env.DATABASE_URL,
      jwtSecret: env.JWT_SECRET,
      jwtPublicKey: env.JWT_PUBLIC_KEY,
      turnSecret: env.TURN_SECRET,
      metricsToken: env.METRICS_TOKEN,
      busUrl: env.BUS_URL,
      ...providers.secrets,
      ...webhookSecrets(env),
      ...pushSecrets(env),
      ...wukongimSecrets(env),
    },
  }
}
