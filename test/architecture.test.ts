import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../src', import.meta.url))

interface Kind {
  readonly kind: string
  /** Their names below `src`, without extension. */
  readonly files: RegExp
  /** Kinds of files that these may import. */
  readonly imports: readonly string[]
  /** What these files are for, from which follows what they need. */
  readonly reason: string
}

/**
 * What each kind of file may import of ours. A file's kind is the first whose pattern fits; whatever is not named is
 * forbidden. Top to bottom is the direction of the design: main → server → transports → app → features → core.
 */
const KINDS: readonly Kind[] = [
  {
    kind: 'sdk',
    files: /^sdk\//,
    imports: ['sdk'],
    reason: "the client package; it runs in other people's applications and ships nothing of the server",
  },
  {
    kind: 'web',
    files: /^web\//,
    imports: ['web', 'sdk'],
    reason: 'an application on the SDK, which uses only what every application can use',
  },
  {
    kind: 'variables',
    files: /^\w+\/variables$/,
    imports: ['providers', 'rates', 'commands', 'core'],
    reason: 'a feature states its own variables, out of the tables that they follow from',
  },
  {
    kind: 'providers',
    files: /^media\/providers(\/|$)/,
    imports: ['providers', 'core'],
    reason: 'one file per provider, so that a new one touches no other; the configuration reads their variables',
  },
  {
    kind: 'main',
    files: /^(main|welcome)$/,
    imports: ['main', 'server', 'app', 'config', 'core', 'db', 'auth', 'rest'],
    reason: 'the process: reads the configuration, then starts the database, the app and the server',
  },
  {
    kind: 'readiness',
    files: /^readiness$/,
    imports: ['auth', 'core'],
    reason: 'asks each part that the gateway depends on for its state',
  },
  {
    kind: 'server',
    files: /^server$/,
    imports: ['app', 'core', 'graphql', 'graphiql', 'rest', 'routes', 'http', 'limits'],
    reason: 'puts every door on one HTTP server',
  },
  {
    kind: 'schema',
    files: /^graphql\/schema$/,
    imports: ['graphql', 'builder', 'types'],
    reason: 'imports every feature that adds to the GraphQL schema, and nothing else',
  },
  {
    kind: 'builder',
    files: /^graphql\/(builder|access|context|work|cost|limits)$/,
    imports: ['builder', 'core', 'db', 'blocks', 'calls', 'events', 'media', 'signals', 'service', 'policy'],
    reason:
      'the context of an operation hands the services to the resolvers; root fields name their entry in the policy',
  },
  {
    kind: 'types',
    // One file, or a folder where they are many.
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
      'blocks',
      'calls',
      'signals',
    ],
    reason: "a feature's GraphQL types and resolvers call its service; they know no transport",
  },
  {
    kind: 'graphql',
    files: /^graphql\//,
    imports: ['graphql', 'builder', 'schema', 'auth', 'core', 'http', 'events', 'limits'],
    reason: 'executes GraphQL over HTTP and WebSocket, whatever the schema says',
  },
  {
    kind: 'graphiql',
    files: /^graphiql\//,
    imports: ['graphiql', 'http', 'core'],
    reason: 'a page that is served; it knows the gateway only by its address',
  },
  {
    kind: 'routes',
    files: /^rest\/routes$/,
    imports: ['paths', 'rest', 'service', 'blocks', 'events', 'calls', 'http', 'core'],
    reason: 'collects the REST paths of every feature',
  },
  {
    kind: 'rest',
    files: /^rest\//,
    imports: ['rest', 'auth', 'policy', 'core', 'http', 'limits'],
    reason: 'routes, validates and documents REST requests, whatever the paths do; each names its entry in the policy',
  },
  {
    kind: 'paths',
    files: /^\w+\/rest$/,
    imports: ['paths', 'rest', 'json', 'input', 'service', 'blocks', 'model', 'events', 'calls', 'http', 'core'],
    reason: "a feature's REST paths call its service; they know the request only through the route",
  },
  {
    kind: 'json',
    files: /^(rooms|media)\/json$/,
    imports: ['model', 'media', 'core'],
    reason: 'how REST spells the values of the domain',
  },
  {
    kind: 'http',
    files: /^http\//,
    imports: ['http', 'core'],
    reason: 'serves bytes; it knows no feature',
  },
  {
    kind: 'app',
    files: /^app$/,
    imports: [
      'config',
      'core',
      'auth',
      'blocks',
      'db',
      'events',
      'limits',
      'media',
      'providers',
      'calls',
      'signals',
      'presence',
      'readiness',
      'service',
      'store',
    ],
    reason: 'the composition root constructs every feature and knows no transport',
  },
  {
    kind: 'service',
    files: /^rooms\/(service|executor|charges|reader)$/,
    imports: ['service', 'store', 'limits', 'media', 'input', 'policy', 'decide', 'commands', 'model', 'core'],
    reason: 'authorises and counts, then has the rules decide and the store commit',
  },
  {
    kind: 'store',
    files: /^rooms\/(store|writes|commit-queue|room-cache|event-log|ring-checker|page|rows|columns|table)$/,
    imports: ['store', 'db', 'policy', 'commands', 'model', 'core'],
    reason: 'reads and writes the tables of rooms; decides nothing',
  },
  {
    kind: 'events',
    files: /^events\//,
    imports: ['events', 'limits', 'rates', 'service', 'store', 'policy', 'model', 'core'],
    reason: 'streams the log of rooms to subscribers, who must be allowed to read',
  },
  {
    kind: 'blocks',
    files: /^blocks\//,
    imports: ['blocks', 'input', 'limits', 'db', 'core'],
    reason: 'whose calls ring for whom is a list of its own that rooms ask',
  },
  {
    kind: 'calls',
    files: /^calls\//,
    imports: ['calls', 'events', 'limits', 'model', 'core'],
    reason: 'what rings for a user follows from the rooms',
  },
  {
    kind: 'signals',
    files: /^signals\//,
    imports: ['signals', 'input', 'events', 'limits', 'db', 'policy', 'model', 'core'],
    reason: 'carries messages between participants of a room that they may read',
  },
  {
    kind: 'presence',
    files: /^presence\//,
    imports: ['presence', 'events', 'db', 'service', 'store', 'model', 'core'],
    reason: 'executes what time and lost streams do to a room, by the same executor as users',
  },
  {
    kind: 'media',
    files: /^media\//,
    imports: ['media', 'providers', 'variables', 'model', 'core'],
    reason: 'connects a participant of a room to its provider',
  },
  {
    kind: 'auth',
    files: /^auth\//,
    imports: ['auth', 'config', 'variables', 'core'],
    reason: 'says who somebody is; what they may do is the policy of a feature',
  },
  {
    kind: 'rates',
    files: /^limits\/(rate-table|token-bucket)$/,
    imports: ['rates', 'core'],
    reason: 'the table of rates, which the configuration needs too',
  },
  {
    kind: 'limits',
    files: /^limits\//,
    imports: ['rates', 'core'],
    reason: 'counts by user, address or key; what is counted is for the caller to say',
  },
  {
    kind: 'input',
    files: /^rooms\/input$/,
    imports: ['commands', 'model', 'core'],
    reason: 'the shapes that every door accepts, bounded by the values of the model',
  },
  {
    kind: 'commands',
    files: /^rooms\/rules\/(command|decision)$/,
    imports: ['model', 'core'],
    reason: 'the policy says who may give each command, so the commands and the shape of a refusal stand below it',
  },
  {
    kind: 'policy',
    files: /^rooms\/policy$/,
    imports: ['commands', 'model', 'core'],
    reason: 'who may read a room and give a command, without I/O',
  },
  {
    kind: 'decide',
    files: /^rooms\/rules\//,
    imports: ['decide', 'policy', 'commands', 'model', 'core'],
    reason: 'the rules are pure: a room, a command, a time, and nothing that could do I/O',
  },
  {
    kind: 'model',
    files: /^rooms\/(model|participants|participants-page)$/,
    imports: ['model', 'core'],
    reason: 'what a room is; everything else is built on it',
  },
  {
    kind: 'db',
    files: /^db\//,
    imports: ['db', 'core'],
    reason: 'connects to PostgreSQL and runs it; it knows no table of a feature',
  },
  {
    kind: 'config',
    files: /^config$/,
    imports: ['variables', 'providers', 'rates', 'core'],
    reason: 'assembles the variables of the features; the features never read it back',
  },
  {
    kind: 'core',
    files: /^core\//,
    imports: ['core'],
    reason: 'vocabulary that knows no feature',
  },
]

interface SourceFile {
  readonly name: string
  readonly text: string
  /** Modules of ours, without extension, relative to `src`. */
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
const violating = (breaks: (file: SourceFile) => boolean) => files.filter(breaks).map(({ name }) => name)

describe('imports go one way', () => {
  test('every file has a place', () => {
    expect(files.length).toBeGreaterThan(30)
    expect(violating(({ name }) => kindOf(name) === 'none')).toEqual([])
  })

  test.each(KINDS)('$kind imports only $imports: $reason', ({ kind, imports: allowed }) => {
    const wrong = files
      .filter(({ name }) => kindOf(name) === kind)
      .flatMap(({ name, imports }) =>
        imports.filter((target) => !allowed.includes(kindOf(target))).map((target) => `${name} → ${target}`),
      )
    expect(wrong).toEqual([])
  })

  test('nothing is allowed that no file needs', () => {
    const used = new Set(
      files.flatMap(({ name, imports }) => imports.map((target) => `${kindOf(name)} → ${kindOf(target)}`)),
    )
    const allowed = KINDS.flatMap(({ kind, imports }) => imports.map((target) => `${kind} → ${target}`))
    expect(allowed.filter((arrow) => !used.has(arrow))).toEqual([])
  })
})

/** Longest file, in lines, unless it has a reason here. */
const FILE_MAX = 400
const LONGER: Readonly<Record<string, string>> = {
  'sdk/rtc': 'half of it is the documentation that the reference of the SDK is built from',
}

test(`no file has more than ${FILE_MAX} lines without a reason`, () => {
  expect(violating(({ text }) => text.trimEnd().split('\n').length > FILE_MAX)).toEqual(Object.keys(LONGER))
})

describe('habits that are held', () => {
  test('only the configuration reads the environment', () => {
    expect(violating(({ name, text }) => /process\.env/.test(text) && name !== 'config')).toEqual([])
  })

  test('the core does no I/O', () => {
    const pure = /^(rooms\/(rules\/\w+|model|policy)|core\/(errors|actor|clock|storable))$/
    const impure = /from '(node:|pg|ws|\S*prisma)|Date\.now|new Date\(\)|Math\.random|process\.|console\./
    expect(violating(({ name, text }) => pure.test(name) && name !== 'core/clock' && impure.test(text))).toEqual([])
  })

  test("Yoga's pub/sub is not used", () => {
    expect(violating(({ text }) => text.includes('createPubSub'))).toEqual([])
  })

  test('the library of a provider is loaded when somebody is let in by that provider', () => {
    const isProvider = (name: string) => kindOf(name) === 'providers'
    const early = /(^(import|export) (?!type )[^']*from|^import|require\() ?'(?!\.|node:)/m
    expect(violating(({ name, text }) => isProvider(name) && text.includes('await import('))).not.toEqual([])
    expect(violating(({ name, text }) => isProvider(name) && early.test(text))).toEqual([])
  })

  test('no type assertion goes through unknown, any or never', () => {
    expect(violating(({ text }) => /\bas (unknown|any|never) as\b/.test(text))).toEqual([])
  })

  test('no process is ended in the middle', () => {
    expect(violating(({ text }) => text.includes('process.exit('))).toEqual([])
  })
})
