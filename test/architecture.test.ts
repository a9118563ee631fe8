import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../src', import.meta.url))

/**
 * What each kind of file may import of ours. A file's kind is the first pattern that fits; whatever is not named is
 * forbidden. Top to bottom is the direction of the design: main → server → transports → app → features → core.
 */
const KINDS: readonly (readonly [kind: string, pattern: RegExp, mayImport: readonly string[]])[] = [
  ['sdk', /^sdk\//, ['sdk']],
  ['web', /^web\//, ['web', 'sdk']],
  ['variables', /^\w+\/variables$/, ['providers', 'rates', 'commands', 'core']],
  ['providers', /^media\/providers(\/|$)/, ['providers', 'core']],
  ['main', /^(main|welcome)$/, ['main', 'server', 'app', 'config', 'core', 'db', 'auth', 'rest']],
  ['readiness', /^readiness$/, ['auth', 'core']],
  ['server', /^server$/, ['app', 'core', 'graphql', 'graphiql', 'rest', 'routes', 'http', 'limits']],
  ['schema', /^graphql\/schema$/, ['graphql', 'builder', 'types']],
  [
    'builder',
    /^graphql\/(builder|context|work|cost|limits)$/,
    ['builder', 'core', 'db', 'blocks', 'calls', 'events', 'media', 'signals', 'service', 'model'],
  ],
  [
    'types',
    // A feature's GraphQL types: one file, or a folder where they are many.
    /^\w+\/graphql(\/[\w-]+)?$/,
    [
      'types',
      'builder',
      'graphql',
      'core',
      'input',
      'commands',
      'model',
      'media',
      'events',
      'blocks',
      'calls',
      'signals',
      'service',
    ],
  ],
  ['graphql', /^graphql\//, ['graphql', 'builder', 'schema', 'auth', 'core', 'http', 'db', 'events', 'limits']],
  ['graphiql', /^graphiql\//, ['graphiql', 'http', 'core']],
  ['routes', /^rest\/routes$/, ['paths', 'rest', 'service', 'blocks', 'events', 'calls', 'http', 'core']],
  ['rest', /^rest\//, ['rest', 'auth', 'core', 'http', 'limits']],
  [
    'paths',
    /^\w+\/rest$/,
    ['paths', 'rest', 'json', 'input', 'service', 'blocks', 'model', 'media', 'events', 'calls', 'http', 'core'],
  ],
  ['json', /^(rooms|media)\/json$/, ['model', 'media', 'core']],
  ['http', /^http\//, ['http', 'core']],
  [
    'app',
    /^app$/,
    [
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
  ],
  [
    'service',
    /^rooms\/(service|executor|charges|reader)$/,
    ['service', 'store', 'limits', 'rates', 'media', 'input', 'policy', 'decide', 'commands', 'model', 'core'],
  ],
  [
    'store',
    /^rooms\/(store|event-log|ring-checker|page|rows|columns|table)$/,
    ['store', 'db', 'policy', 'commands', 'model', 'core'],
  ],
  [
    'events',
    /^events\//,
    ['events', 'limits', 'rates', 'presence', 'db', 'service', 'store', 'policy', 'model', 'core'],
  ],
  ['blocks', /^blocks\//, ['blocks', 'input', 'limits', 'db', 'core']],
  ['calls', /^calls\//, ['calls', 'events', 'limits', 'model', 'core']],
  ['signals', /^signals\//, ['signals', 'input', 'events', 'limits', 'presence', 'db', 'policy', 'model', 'core']],
  ['presence', /^presence\//, ['presence', 'db', 'service', 'store', 'core']],
  ['media', /^media\//, ['media', 'providers', 'variables', 'model', 'core']],
  ['auth', /^auth\//, ['auth', 'config', 'variables', 'core']],
  ['rates', /^limits\/(rate-table|token-bucket)$/, ['rates', 'core']],
  ['limits', /^limits\//, ['limits', 'rates', 'core']],
  ['input', /^rooms\/input$/, ['commands', 'model', 'core']],
  // The policy says who may give each command, so the commands and the shape of a refusal stand below it.
  ['commands', /^rooms\/rules\/(command|decision)$/, ['commands', 'model', 'core']],
  ['policy', /^rooms\/policy$/, ['commands', 'model', 'core']],
  ['decide', /^rooms\/rules\//, ['decide', 'policy', 'commands', 'model', 'core']],
  ['model', /^rooms\/(model|participants-page)$/, ['model', 'core']],
  ['db', /^db\//, ['db', 'core']],
  ['config', /^config$/, ['variables', 'providers', 'rates', 'core']],
  ['core', /^core\//, ['core']],
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
const kindOf = (name: string) => KINDS.find(([, pattern]) => pattern.test(name))?.[0]
const violating = (breaks: (file: SourceFile) => boolean) => files.filter(breaks).map(({ name }) => name)

describe('imports go one way', () => {
  test('every file has a place', () => {
    expect(files.length).toBeGreaterThan(30)
    expect(violating(({ name }) => kindOf(name) === undefined)).toEqual([])
  })

  test.each(KINDS.map(([kind, , allowed]) => [kind, allowed] as const))('%s imports only %j', (kind, allowed) => {
    const wrong = files
      .filter(({ name }) => kindOf(name) === kind)
      .flatMap(({ name, imports }) =>
        imports.filter((target) => !allowed.includes(kindOf(target) ?? '')).map((target) => `${name} → ${target}`),
      )
    expect(wrong).toEqual([])
  })
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
    const libraries = '(livekit-server-sdk|tls-sig-api-v2|agora-token)'
    const inTime = new RegExp(`await import\\('${libraries}'\\)`)
    const early = new RegExp(`from '${libraries}|require\\('${libraries}`)
    expect(violating(({ text }) => inTime.test(text))).toHaveLength(3)
    expect(violating(({ text }) => early.test(text))).toEqual([])
  })

  test('no process is ended in the middle', () => {
    expect(violating(({ text }) => text.includes('process.exit('))).toEqual([])
  })
})
