import { readFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createEmptyDatabase, type TestDatabase } from '../database.ts'
import { runCommand, startGateway, withDirectory, withPreparedData } from '../process.ts'
import { SECRET } from '../world.ts'

const COMMANDS = ['start', 'check', 'migrate', 'doctor', 'vapid', 'token']

describe('rtc-gateway', () => {
  test('--help lists every command, and each command has its own help', async () => {
    const { code, stdout } = await runCommand(['--help'])
    expect(code).toBe(0)
    expect([...stdout.matchAll(/^ {2}(\w+) /gm)].map(([, name]) => name)).toEqual(COMMANDS)
    for (const name of COMMANDS) {
      const help = await runCommand([name, '--help'])
      expect([help.code, help.stdout]).toEqual([0, expect.stringMatching(`^Usage: rtc-gateway ${name}`)])
    }
  })

  test('--version prints the version of the package', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string }
    expect(await runCommand(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
  })

  test.each<[string, string]>([
    ['serve', 'there is no command "serve"; see rtc-gateway --help'],
    ['constructor', 'there is no command "constructor"; see rtc-gateway --help'],
    ['--port 3000', "unknown option '--port'; see rtc-gateway start --help"],
    ['start now', "unexpected argument 'now'; see rtc-gateway start --help"],
    ['start --check-config=yes', "option '--check-config' does not take an argument; see rtc-gateway start --help"],
    ['migrate --down', "unknown option '--down'; see rtc-gateway migrate --help"],
    ['token', 'the user id is missing; see rtc-gateway token --help'],
    [
      'token alice --ttl 1w',
      '--ttl 1w: must be a whole number of s, m, h or d, such as 30m; see rtc-gateway token --help',
    ],
  ])('refuses %j with one sentence and exit code 2', async (line, sentence) => {
    expect(await runCommand(line.split(' '))).toEqual({ code: 2, stdout: '', stderr: `rtc-gateway: ${sentence}\n` })
  })
})

describe.each(['check', 'start --check-config'])('rtc-gateway %s', (line) => {
  const check = (env: Record<string, string>) => runCommand(line.split(' '), env)

  test('accepts a valid configuration without connecting to anything', async () => {
    const env = { JWT_SECRET: SECRET, DATABASE_URL: 'postgresql://nobody@database.invalid/rtc' }
    expect(await check(env)).toEqual({ code: 0, stdout: 'The configuration is valid.\n', stderr: '' })
  })

  test('creates no file', async () => {
    await withDirectory(async (directory) => {
      const { code } = await check({ DATA_DIR: `${directory}/data` })
      expect(code).toBe(0)
      await expect(readFile(`${directory}/data/development-secret`)).rejects.toMatchObject({ code: 'ENOENT' })
    })
  })

  test.each<[string, Record<string, string>]>([
    ['PORT', { PORT: 'x' }],
    ['JWT_PUBLIC_KEY', { JWT_PUBLIC_KEY: '-----BEGIN PUBLIC KEY-----\nno key\n-----END PUBLIC KEY-----' }],
    ['TRUSTED_DOCUMENTS', { TRUSTED_DOCUMENTS: '/nowhere/manifest.json' }],
    ['MIGRATE', { MIGRATE: 'later' }],
  ])('reports a problem with %s', async (name, env) => {
    const { code, stderr } = await check(env)
    expect([code, stderr]).toEqual([1, expect.stringContaining(`${name}: `)])
    expect(stderr).not.toMatch(/^ +at /m)
  })
})

describe('rtc-gateway migrate', () => {
  let database: TestDatabase
  beforeEach(async () => {
    database = await createEmptyDatabase()
  })
  afterEach(() => database.drop())
  const env = (more: Record<string, string> = {}) => ({ DATABASE_URL: database.url, JWT_SECRET: SECRET, ...more })

  test('migrates, after which a gateway with MIGRATE=off starts', async () => {
    const refused = await runCommand([], env({ MIGRATE: 'off', LOG_LEVEL: 'silent' }))
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringMatching(/^MIGRATE: is off, and the database lacks \d+ migrations .* run rtc-gateway migrate\.\n$/),
    ])

    const first = await runCommand(['migrate'], env({ MIGRATE: 'off' }))
    expect([first.code, first.stdout]).toEqual([0, expect.stringContaining('20261123000000_init\n')])
    const again = await runCommand(['migrate'], env())
    expect(again).toEqual({ code: 0, stdout: 'The database has all migrations of this version.\n', stderr: '' })

    const gateway = await startGateway(env({ MIGRATE: 'off' }))
    expect((await fetch(`${gateway.url}/health/ready`)).status).toBe(200)
    expect(await gateway.stop('SIGTERM')).toBe(0)
  })

  test('migrates the embedded database, and stops it', async () => {
    await withPreparedData(async (DATA_DIR) => {
      const { code, stdout } = await runCommand(['migrate'], { DATA_DIR })
      expect([code, stdout]).toEqual([0, 'The database has all migrations of this version.\n'])
      await expect(readFile(`${DATA_DIR}/postgres/postmaster.pid`)).rejects.toMatchObject({ code: 'ENOENT' })
    })
  })
})
