import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseEnv, promisify } from 'node:util'
import { buildSchema, parse, validate } from 'graphql'
import { describe, expect, test } from 'vitest'
import { loadConfig, VARIABLES } from '../src/config.ts'
import { MEDIA_PROVIDERS } from '../src/core/media-provider.ts'
import { controlVariablesOf, hookVariablesOf, MEDIA_SERVICES, variablesOf } from '../src/media/providers.ts'
import { type ErrorCode, ERRORS } from '../src/core/errors.ts'
import { freePort } from './free-port.ts'
import { startGateway, withPreparedData } from './process.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string): Promise<string> => readFile(`${root}/${path}`, 'utf8')
const readme = await read('README.md')
const protocol = await read('docs/protocol.md')
const operations = await read('docs/operations.md')
const tokens = await read('docs/operations/tokens.md')
const providers = await read('docs/operations/providers.md')
const rest = await read('docs/rest.md')
const contributing = await read('CONTRIBUTING.md')

const section = (document: string, title: string): string =>
  document.split(/^## /m).find((part) => part.startsWith(title)) ?? ''
/** The cells of a part's table rows, without markup. */
const rowsOf = (part: string): string[][] =>
  part
    .split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| ---'))
    .map((line) =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim().replaceAll('\\|', '|')),
    )
const curlLines = rowsOf(section(rest, 'Watch bob')).flatMap(([path = '', line = '']) =>
  line.includes('curl ') && line.startsWith('`') ? [{ path, line: line.slice(1, -1) }] : [],
)

test('every documented path has a curl line', async () => {
  const document = await readFile(`${root}/test/clients/rtc-api.md`, 'utf8')
  const documented = [...document.matchAll(/^\| [\w ]+ \| (\w+) \| `\/rtc(\S+)` \|/gm)].map(
    ([, verb, path]) => `\`${verb} ${path}\``,
  )
  expect(documented).toHaveLength(6)
  expect(curlLines.map(({ path }) => path)).toEqual(expect.arrayContaining(documented))
})

test('the curl lines work from top to bottom, as they stand', async () => {
  await withPreparedData(async (DATA_DIR) => {
    const gateway = await startGateway({ DATA_DIR })
    const preamble = /```sh\n([\s\S]*?)```/.exec(section(rest, 'Watch bob'))?.[1] ?? ''
    const script = ['set -e', preamble, ...curlLines.map(({ line }) => `${line}; echo "<$?>"`)].join('\n')
    const env = { ...process.env, DATA_DIR, JWT_SECRET: '' }
    const text = script.replaceAll('http://localhost:3000', gateway.url)
    let stdout = ''
    try {
      ;({ stdout } = await promisify(execFile)('bash', ['-c', text], { cwd: root, env }))
    } finally {
      await gateway.stop('SIGTERM')
    }
    const answers = stdout.split('<0>\n').slice(0, -1)
    expect(answers).toHaveLength(curlLines.length)
    expect(answers[3]).toContain('"status":"active"')
    expect(answers[4]?.match(/"state":"joined"/g)).toHaveLength(2)
    expect(answers[5]).toContain('"endReason":"completed"')
    expect(answers.at(-2)).toContain('"hasNextPage":false')
  })
})

test('the table of errors is the table of errors', () => {
  const told = rowsOf(section(protocol, 'Errors'))
    .slice(1)
    .map(([code, status]) => [code, Number(status)])
  expect(told).toEqual((Object.keys(ERRORS) as ErrorCode[]).map((code) => [code, ERRORS[code].status]))
})

test('the table of configuration has every variable, and its default', () => {
  const told = rowsOf(section(operations, 'Configuration')).slice(1)
  const names = told.map(([name = '']) => name.replaceAll('`', ''))
  expect(names.toSorted()).toEqual(Object.keys(VARIABLES).toSorted())
  const defaults = told.map(([name, value = '']) => [name?.replaceAll('`', ''), value.replaceAll('`', '')])
  for (const [name = '', value] of defaults) expect([name, value]).toEqual([name, VARIABLES[name]])
})

describe('.env.example', async () => {
  const example = await read('.env.example')
  const assignments = example.match(/^# [A-Z_]+=.*$/gm) ?? []

  test('has every variable, and its default', () => {
    const told = Object.fromEntries(assignments.map((line) => line.slice(2).split(/=(.*)/)))
    expect(told).toEqual(VARIABLES)
    expect(assignments).toHaveLength(Object.keys(VARIABLES).length)
  })

  test('changes nothing as it stands, nor with every line in effect', () => {
    expect(parseEnv(example)).toEqual({})
    const inEffect = parseEnv(example.replaceAll(/^# (?=[A-Z_]+=)/gm, ''))
    expect(Object.keys(inEffect)).toHaveLength(assignments.length)
    expect(loadConfig(inEffect)).toEqual(loadConfig({}))
  })
})

test('the gateway accepts the token of the documented issuer', async () => {
  const [, program = ''] = /```js\n([\s\S]*?)```/.exec(tokens) ?? []
  const [, commands = ''] = /```sh\n([\s\S]*?)```/.exec(tokens) ?? []
  const port = await freePort()
  const withPort = (text: string): string => text.replaceAll('4000', String(port))
  const variables = Object.fromEntries(
    [...commands.matchAll(/\b(J\w+)=(\S+)/g)].map(([, name = '', value = '']) => [name, withPort(value)]),
  )
  const issuer = spawn(process.execPath, ['--input-type=module', '--eval', withPort(program)], { cwd: root })
  try {
    const [token] = (await once(issuer.stdout, 'data')) as [Buffer]
    await withPreparedData(async (DATA_DIR) => {
      const gateway = await startGateway({ DATA_DIR, HOST: '127.0.0.1', NODE_ENV: 'production', ...variables })
      try {
        const headers = { authorization: `Bearer ${token.toString().trim()}`, 'content-type': 'application/json' }
        const response = await fetch(`${gateway.url}/graphql`, {
          method: 'POST',
          headers,
          body: JSON.stringify({ query: '{ me { id } }' }),
        })
        expect(await response.json()).toEqual({ data: { me: { id: 'alice' } } })
      } finally {
        await gateway.stop('SIGTERM')
      }
    })
  } finally {
    issuer.kill()
  }
})

test('the documented backend creates a call in the name of a user, and a token for that user', async () => {
  const [, program = ''] = /`backend\.mjs`:\n\n```js\n([\s\S]*?)```/.exec(tokens) ?? []
  await withPreparedData(async (DATA_DIR) => {
    const JWT_SECRET = 'a secret of the documentation, 32 bytes'
    const gateway = await startGateway({ DATA_DIR, HOST: '127.0.0.1', JWT_SECRET })
    try {
      const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], {
        cwd: root,
        env: { ...process.env, GATEWAY: gateway.url, JWT_SECRET },
      })
      const { status, room, aliceToken } = JSON.parse(stdout) as {
        status: number
        room: { id: string; callerId: string }
        aliceToken: string
      }
      expect([status, room.callerId]).toEqual([201, 'alice'])
      const headers = { authorization: `Bearer ${aliceToken}` }
      const read = await fetch(`${gateway.url}/im/api/v1/rtc/rooms/${room.id}`, { headers })
      expect(await read.json()).toMatchObject({ id: room.id, calleeId: 'bob' })
    } finally {
      await gateway.stop('SIGTERM')
    }
  })
})

test('the table of media providers has every provider, and its variables', () => {
  const told = rowsOf(providers.split('\n## ')[0] ?? '').slice(1)
  expect(told.map(([provider]) => provider)).toEqual(MEDIA_PROVIDERS.map((provider) => `\`${provider}\``))
  for (const [index, provider] of MEDIA_PROVIDERS.entries()) {
    const variables = variablesOf(provider).map((name) => `\`${name}\``)
    if (variables.length > 0) expect(told[index]?.[1]).toBe(variables.join(' '))
  }
})

test.each([
  ['Removal', 1, controlVariablesOf],
  ['Webhooks', 2, hookVariablesOf],
] as const)('the section %s of media providers names the variables of every service', (title, column, variablesFor) => {
  const told = rowsOf(section(providers, title))
  for (const service of MEDIA_SERVICES) {
    const row = told.find(([name]) => name === `\`${service}\``)
    expect(row?.[column]).toBe(
      variablesFor(service)
        .map((name) => `\`${name}\``)
        .join(' '),
    )
  }
})

test('the map of src names every folder and nothing else', async () => {
  const entries = await readdir(`${root}/src`, { withFileTypes: true })
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  const map = section(contributing, 'Commands').split('| in `src`')[1] ?? ''
  const told = rowsOf(map).flatMap(([names = '']) => [...names.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name))
  expect(told.filter((name) => !existsSync(`${root}/src/${name}`))).toEqual([])
  expect(folders.filter((name) => !told.includes(name))).toEqual([])
})

describe('examples', () => {
  test('are all listed', async () => {
    const files = await readdir(`${root}/docs/examples`)
    const listed = [...(await read('docs/examples/README.md')).matchAll(/^\| \[[^\]]+\]\(([^)]+)\)/gm)].map(
      ([, file]) => file,
    )
    expect(new Set([...listed, 'README.md', 'tsconfig.json'])).toEqual(new Set(files))
  })

  test('the subscription is valid against the schema', async () => {
    const schema = buildSchema(await readFile(`${root}/src/graphql/schema.graphql`, 'utf8'))
    const [, operation = ''] = /query = `([\s\S]*?)`/.exec(protocol) ?? []
    expect(validate(schema, parse(operation))).toEqual([])
  })

  test('every command of npm is there', async () => {
    const { scripts } = JSON.parse(await readFile(`${root}/package.json`, 'utf8')) as { scripts: object }
    const pages = await readdir(`${root}/docs/operations`)
    const operate = await Promise.all(pages.map((page) => read(`docs/operations/${page}`)))
    const told = [
      ...[readme, protocol, operations, ...operate, rest, contributing]
        .join('\n')
        .matchAll(/npm run (?:-s )?([\w:-]+)/g),
    ].map(([, name]) => name)
    expect(told.filter((name) => !Object.keys(scripts).includes(name ?? ''))).toEqual([])
  })
})
