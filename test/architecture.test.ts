import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../src', import.meta.url))

interface Kind {
  readonly kind: string
  /** Matches their names below `src`, without extension. */
  readonly files: RegExp
  /** The kinds that they may import. */
  readonly imports: readonly string[]
  /** Their purpose, which justifies the imports. */
  readonly reason: string
}

/**
 * The modules of `src` that each kind of file may import. A file's kind is the first one that matches; imports that are
 * not listed are forbidden. The order follows the design: main → server → transports → app → features → core.
 */
const KINDS: readonly Kind[] = [
  {
    kind: 'sdk',
    files: /^sdk\//,
    imports: ['sdk'],
    reason: 'the client package; it runs in applications and contains no code of the server',
  },
  {
    kind: 'service-worker',
    files: /^web\/worker$/,
    imports: ['web', 'core'],
    reason: 'handles pushes one after the other, by the same queue as the server',
  },
  {
    kind: 'web',
    files: /^web\//,
    imports: ['web', 'sdk'],
    reason: 'the pages: the call page on the SDK, the admin page on GraphQL; they use only public APIs',
  },
  {
    kind: 'variables',
    files: /^\w+\/variables$/,
    imports: ['providers', 'rates', 'commands', 'webhook-rules', 'push-rules', 'core'],
    reason: 'a feature declares its own variables, derived from its tables',
  },
  {
    kind: 'providers',
    files: /^media\/(providers|hooks|control)(\/|$)/,
    imports: ['providers', 'core'],
    reason:
      'one file per provider and purpose, so that adding one changes no other; the configuration reads their variables',
  },
  {
    kind: 'main',
    files: /^(main|cli\/.+)$/,
    imports: [
      'main',
      'server',
      'app',
      'config',
      'core',
      'db',
      'auth',
      'push',
      'push-rules',
      'http',
      'rest',
      'metrics',
      'doctor',
      'tracing',
    ],
    reason:
      'the process and its command line: reads the configuration, then starts the database, the app and the server',
  },
  {
    kind: 'doctor',
    files: /^doctor\//,
    imports: ['doctor', 'config', 'auth', 'events', 'wukongim', 'media', 'providers', 'db', 'core'],
    reason: 'checks what the gateway depends on from outside, without running it',
  },
  {
    kind: 'readiness',
    files: /^readiness$/,
    imports: ['auth', 'core'],
    reason: 'checks the state of each dependency of the gateway',
  },
  {
    kind: 'server',
    files: /^server$/,
    imports: ['app', 'core', 'graphql', 'graphiql', 'rest', 'routes', 'reconcile', 'http', 'limits', 'metrics'],
    reason: 'serves GraphQL, REST and the pages from one HTTP server',
  },
  {
    kind: 'schema',
    files: /^graphql\/schema$/,
    imports: ['graphql', 'builder', 'types'],
    reason: 'imports the features that extend the GraphQL schema, and nothing else',
  },
  {
    kind: 'builder',
    files: /^graphql\/(builder|access|context|work|cost|limits)$/,
    imports: [
      'builder',
      'core',
      'db',
      'admin',
      'people',
      'blocks',
      'push',
      'calls',
      'events',
      'media',
      'signals',
      'webhooks',
      'service',
      'policy',
    ],
    reason: 'the context passes the services to the resolvers; root fields name their entry in the policy',
  },
  {
    kind: 'types',
    // One file, or a folder of several files.
    files: /^\w+\/graphql(\/[\w-]+)?$/,
    imports: [
      'types',
      'builder',
      'graphql',
      'core',
      'input',
      'policy',
      'commands',
      'model',
      'media',
      'events',
      'admin',
      'people',
      'blocks',
      'push',
      'calls',
      'signals',
      'webhooks',
    ],
    reason: "a feature's GraphQL types and resolvers call its service; independent of the transport",
  },
  {
    kind: 'graphql',
    files: /^graphql\//,
    imports: ['graphql', 'builder', 'schema', 'auth', 'core', 'http', 'events', 'limits'],
    reason: 'executes GraphQL over HTTP and WebSocket, independent of the schema',
  },
  {
    kind: 'graphiql',
    files: /^graphiql\//,
    imports: ['graphiql', 'http', 'core'],
    reason: 'a static page; it uses the gateway only by its address',
  },
  {
    kind: 'routes',
    files: /^rest\/routes$/,
    imports: ['paths', 'rest', 'service', 'blocks', 'push', 'events', 'calls', 'http', 'core'],
    reason: 'collects the REST routes of all features',
  },
  {
    kind: 'rest',
    files: /^rest\//,
    imports: ['rest', 'auth', 'policy', 'core', 'http', 'limits'],
    reason:
      'routes, validates and documents REST requests, independent of the features; routes name their entry in the policy',
  },
  {
    kind: 'paths',
    files: /^\w+\/rest$/,
    imports: [
      'paths',
      'rest',
      'json',
      'input',
      'service',
      'blocks',
      'push',
      'model',
      'events',
      'calls',
      'http',
      'core',
    ],
    reason: "a feature's REST routes call its service; they access the request only through the route",
  },
  {
    kind: 'json',
    files: /^(rooms|media)\/json$/,
    imports: ['model', 'media', 'core'],
    reason: 'the REST representation of domain values',
  },
  {
    kind: 'http',
    files: /^http\//,
    imports: ['http', 'core'],
    reason: 'the HTTP server, independent of the features',
  },
  {
    kind: 'app',
    files: /^app$/,
    imports: [
      'config',
      'core',
      'admin',
      'people',
      'auth',
      'blocks',
      'push',
      'push-rules',
      'db',
      'delivery',
      'events',
      'limits',
      'media',
      'logs',
      'metrics',
      'providers',
      'calls',
      'signals',
      'webhooks',
      'presence',
      'readiness',
      'reconcile',
      'retention',
      'service',
      'store',
      'wukongim',
    ],
    reason: 'the composition root constructs all features, independent of the transports',
  },
  {
    kind: 'service',
    files: /^rooms\/(service|executor|charges|reader|report)$/,
    imports: ['service', 'store', 'limits', 'media', 'input', 'policy', 'decide', 'commands', 'model', 'core'],
    reason: 'authorises and applies rates, then calls the rules and the store',
  },
  {
    kind: 'store',
    files:
      /^rooms\/(store|writes|commit-queue|insert-queue|room-cache|event-log|snapshots|ring-checker|page|projected-reads|projected-rows|rows|columns|table|totals)$/,
    imports: ['store', 'db', 'policy', 'commands', 'model', 'core'],
    reason: 'reads and writes the tables of rooms; contains no rules',
  },
  {
    kind: 'events',
    files: /^events\//,
    imports: ['events', 'limits', 'rates', 'service', 'store', 'policy', 'model', 'core'],
    reason: 'streams the log of rooms to authorised subscribers',
  },
  {
    kind: 'delivery',
    files: /^delivery\//,
    imports: ['delivery', 'events', 'db', 'store', 'model', 'core'],
    reason: 'delivers the log to receivers outside of the gateway, independent of their kinds',
  },
  {
    kind: 'blocks',
    files: /^blocks\//,
    imports: ['blocks', 'input', 'limits', 'db', 'core'],
    reason: 'the list of blocked users, which rooms read',
  },
  {
    kind: 'calls',
    files: /^calls\//,
    imports: ['calls', 'events', 'limits', 'model', 'core'],
    reason: 'derives the incoming calls of a user from the rooms',
  },
  {
    kind: 'signals',
    files: /^signals\//,
    imports: ['signals', 'input', 'events', 'limits', 'db', 'policy', 'model', 'core'],
    reason: 'delivers signals between participants of a room',
  },
  {
    kind: 'webhook-rules',
    files: /^webhooks\/(signature|address|url-rules)$/,
    imports: ['webhook-rules', 'core'],
    reason: 'signatures and allowed addresses, which the configuration uses as well',
  },
  {
    kind: 'webhooks',
    files: /^webhooks\//,
    imports: [
      'webhooks',
      'webhook-rules',
      'delivery',
      'calls',
      'events',
      'json',
      'input',
      'policy',
      'model',
      'variables',
      'db',
      'core',
    ],
    reason: 'makes messages of events and sends them to endpoints, as destinations of the delivery',
  },
  {
    kind: 'push-rules',
    files: /^push\/(vapid|endpoint-rules)$/,
    imports: ['webhook-rules', 'core'],
    reason: 'keys and allowed push services, which the configuration uses as well',
  },
  {
    kind: 'push',
    files: /^push\//,
    imports: [
      'push',
      'push-rules',
      'webhooks',
      'delivery',
      'calls',
      'events',
      'auth',
      'config',
      'limits',
      'input',
      'model',
      'variables',
      'db',
      'core',
    ],
    reason: 'pushes calls to the subscriptions of users, as a destination of the delivery',
  },
  {
    kind: 'wukongim',
    files: /^wukongim\//,
    imports: ['wukongim', 'delivery', 'calls', 'events', 'model', 'variables', 'core'],
    reason: 'tells calls to WukongIM, as a destination of the delivery',
  },
  {
    kind: 'presence',
    files: /^presence\//,
    imports: ['presence', 'events', 'db', 'service', 'store', 'model', 'core'],
    reason: 'executes the commands that follow from deadlines and lost streams, with the same executor',
  },
  {
    kind: 'admin',
    files: /^admin\//,
    imports: ['admin', 'events', 'presence', 'service', 'store', 'input', 'policy', 'model', 'db', 'core'],
    reason: 'the use cases of administrators: rooms and connections of all users, and the audit log',
  },
  {
    kind: 'people',
    files: /^people\//,
    imports: ['people', 'admin', 'retention', 'service', 'policy', 'model', 'db', 'core'],
    reason: "the export and the erasure of people's data, wherever features store it",
  },
  {
    kind: 'retention',
    files: /^retention\//,
    imports: ['retention', 'db', 'core'],
    reason: 'deletes ended rooms; reads and writes no room that is kept',
  },
  {
    kind: 'media',
    files: /^media\//,
    imports: ['media', 'providers', 'variables', 'model', 'core'],
    reason: 'connects a participant of a room to its provider',
  },
  {
    kind: 'tracing',
    files: /^tracing\//,
    imports: ['variables', 'core'],
    reason: 'exports facts as spans; imported only if a collector is configured',
  },
  {
    kind: 'logs',
    files: /^logs\//,
    imports: ['variables', 'core'],
    reason: 'writes facts as lines of the log',
  },
  {
    kind: 'metrics',
    files: /^metrics\//,
    imports: ['metrics', 'http', 'rest', 'db', 'model', 'core'],
    reason: 'counts facts and shows the state of the other parts, which do not import it',
  },
  {
    kind: 'reconcile',
    files: /^reconcile\//,
    imports: [
      'reconcile',
      'media',
      'providers',
      'delivery',
      'events',
      'service',
      'db',
      'rest',
      'http',
      'model',
      'core',
    ],
    reason: 'keeps the log and the media services in agreement: executes commands on reports, and calls room control',
  },
  {
    kind: 'auth',
    files: /^auth\//,
    imports: ['auth', 'config', 'variables', 'core'],
    reason: 'authenticates users; authorisation is the policy of a feature',
  },
  {
    kind: 'rates',
    files: /^limits\/(rate-table|token-bucket)$/,
    imports: ['rates', 'core'],
    reason: 'the table of rates, which the configuration reads, too',
  },
  {
    kind: 'limits',
    files: /^limits\//,
    imports: ['rates', 'core'],
    reason: 'counts by user, address or key, independent of what is counted',
  },
  {
    kind: 'input',
    files: /^rooms\/input$/,
    imports: ['commands', 'model', 'core'],
    reason: 'the input schemas of all transports, based on the model',
  },
  {
    kind: 'commands',
    files: /^rooms\/rules\/(command|decision)$/,
    imports: ['model', 'core'],
    reason: 'the policy depends on the commands and on the type of a refusal',
  },
  {
    kind: 'policy',
    files: /^rooms\/policy$/,
    imports: ['commands', 'model', 'core'],
    reason: 'who may read a room and execute a command, without I/O',
  },
  {
    kind: 'decide',
    files: /^rooms\/rules\//,
    imports: ['decide', 'policy', 'commands', 'model', 'core'],
    reason: 'the rules are pure functions of a room, a command and a time, without I/O',
  },
  {
    kind: 'model',
    files: /^rooms\/(model|participants|participants-page|projection)$/,
    imports: ['model', 'core'],
    reason: 'the types of a room, on which everything else is built',
  },
  {
    kind: 'db',
    files: /^db\//,
    imports: ['db', 'core'],
    reason: 'connects to PostgreSQL and runs it, independent of the tables of features',
  },
  {
    kind: 'config',
    files: /^config$/,
    imports: ['variables', 'providers', 'rates', 'core'],
    reason: 'assembles the variables of the features, which do not import it',
  },
  {
    kind: 'core',
    files: /^core\//,
    imports: ['core'],
    reason: 'shared vocabulary, independent of the features',
  },
]

interface SourceFile {
  readonly name: string
  readonly text: string
  /** Imported modules of `src`, relative to it, without extension. */
  readonly imports: readonly string[]
}

async function sourceFiles(): Promise<SourceFile[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  const paths = entries
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name) && !entry.parentPath.includes('generated'))
    .map((entry) => join(entry.parentPath, entry.name))
  return Promise.all(
    paths.map(async (path) => {
      const text = await readFile(path, 'utf8')
      const imports = [...text.matchAll(/(?:from|import|import\() ?'(\.[^']+)\.tsx?'/g)].map(([, target]) =>
        relative(root, join(dirname(path), target ?? '')),
      )
      return { name: relative(root, path).replace(/\.tsx?$/, ''), text, imports }
    }),
  )
}

const files = await sourceFiles()
const kindOf = (name: string) => KINDS.find(({ files: pattern }) => pattern.test(name))?.kind ?? 'none'
const filesWhere = (breaks: (file: SourceFile) => boolean) => files.filter(breaks).map(({ name }) => name)

describe('imports have one direction', () => {
  test('every file has a kind', () => {
    expect(files.length).toBeGreaterThan(30)
    expect(filesWhere(({ name }) => kindOf(name) === 'none')).toEqual([])
  })

  test.each(KINDS)('$kind imports only $imports: $reason', ({ kind, imports: allowed }) => {
    const wrong = files
      .filter(({ name }) => kindOf(name) === kind)
      .flatMap(({ name, imports }) =>
        imports.filter((target) => !allowed.includes(kindOf(target))).map((target) => `${name} → ${target}`),
      )
    expect(wrong).toEqual([])
  })

  test('every allowed import is used', () => {
    const used = new Set(
      files.flatMap(({ name, imports }) => imports.map((target) => `${kindOf(name)} → ${kindOf(target)}`)),
    )
    const allowed = KINDS.flatMap(({ kind, imports }) => imports.map((target) => `${kind} → ${target}`))
    expect(allowed.filter((arrow) => !used.has(arrow))).toEqual([])
  })
})

/** Largest number of lines of a file without an exception below. */
const FILE_MAX = 400
const LONG_FILES: Readonly<Record<string, string>> = {
  app: 'the composition root: one construction for each part, in the order in which they start',
  'sdk/rtc': 'half of it is documentation, from which the reference of the SDK is built',
}

test(`no file has more than ${FILE_MAX} lines, except those listed with a reason`, () => {
  expect(filesWhere(({ text }) => text.trimEnd().split('\n').length > FILE_MAX)).toEqual(Object.keys(LONG_FILES))
})

describe('conventions', () => {
  test('only the configuration reads the environment', () => {
    expect(filesWhere(({ name, text }) => /process\.env/.test(text) && name !== 'config')).toEqual([])
  })

  test('the core does no I/O', () => {
    const pure = /^(rooms\/(rules\/\w+|model|policy)|core\/(errors|actor|clock|storable))$/
    const impure = /from '(node:|pg|ws|\S*prisma)|Date\.now|new Date\(\)|Math\.random|process\.|console\./
    expect(filesWhere(({ name, text }) => pure.test(name) && name !== 'core/clock' && impure.test(text))).toEqual([])
  })

  test("Yoga's pub/sub is not used", () => {
    expect(filesWhere(({ text }) => text.includes('createPubSub'))).toEqual([])
  })

  test('the library of a provider is imported only when it is first used', () => {
    const isProvider = (name: string) => kindOf(name) === 'providers'
    const staticImport = /(^(import|export) (?!type )[^']*from|^import|require\() ?'(?!\.|node:|zod')/m
    expect(filesWhere(({ name, text }) => isProvider(name) && text.includes('await import('))).not.toEqual([])
    expect(filesWhere(({ name, text }) => isProvider(name) && staticImport.test(text))).toEqual([])
  })

  test('no type assertion goes through unknown, any or never', () => {
    expect(filesWhere(({ text }) => /\bas (unknown|any|never) as\b/.test(text))).toEqual([])
  })

  test('process.exit is not called', () => {
    expect(filesWhere(({ text }) => text.includes('process.exit('))).toEqual([])
  })
})
