import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import { describe, expect, onTestFinished, test } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { developmentSecret } from '../../src/auth/development.ts'
import { UsageError } from '../../src/cli/command.ts'
import { printToken } from '../../src/cli/token.ts'
import { createVerifier } from '../../src/auth/verify.ts'
import { NOW, SECRET, pem, rsa, seconds } from '../auth/tokens.ts'

const clock = { now: () => NOW }
const run = (line: string, environment: Record<string, string> = { JWT_SECRET: SECRET }) =>
  printToken(line.split(' ').filter(Boolean), { environment, clock })

describe('rtc-gateway token', () => {
  test('prints only a token', async () => {
    const { exitCode, stdout = '', stderr = '' } = await run('alice')
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/)
    expect(decodeJwt(stdout.trim())).toEqual({ sub: 'alice', iat: seconds(), exp: seconds(3600) })
  })

  test('prints a token that a gateway with the same configuration accepts', async () => {
    const environment = {
      JWT_SECRET: SECRET,
      JWT_ISSUER: 'https://id.example',
      JWT_AUDIENCE: 'rtc',
      JWT_USER_CLAIM: 'uid',
    }
    const { config, secrets } = loadConfig(environment)
    const { stdout = '' } = await run('alice --scope rtc:admin', environment)
    const verify = createVerifier({ config: config.auth, secrets, clock })
    await expect(verify(stdout.trim())).resolves.toMatchObject({ id: 'alice', scopes: new Set(['rtc:admin']) })
  })

  test('signs with the development secret when no key is configured', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'rtc-'))
    onTestFinished(() => rm(dataDir, { recursive: true }))
    const { config, secrets } = loadConfig({ DATA_DIR: dataDir })
    const { stdout = '' } = await run('bob', { DATA_DIR: dataDir })
    expect(await readdir(dataDir)).toHaveLength(1)
    const secret = await developmentSecret(dataDir)
    const verify = createVerifier({ config: config.auth, secrets, developmentSecret: secret, clock })
    await expect(verify(stdout.trim())).resolves.toMatchObject({ id: 'bob' })
  })

  test.each([
    ['45s', 45],
    ['30m', 1800],
    ['2h', 7200],
    ['7d', 604_800],
  ])('--ttl %s is %d seconds', async (ttl, length) => {
    const { stdout = '' } = await run(`alice --ttl ${ttl}`)
    expect(decodeJwt(stdout.trim()).exp).toBe(seconds(length))
  })

  test('--scope may be repeated or contain several scopes', async () => {
    const argv = ['--scope', 'rtc:admin chat:read', 'alice', '--scope=chat:write']
    const { stdout = '' } = await printToken(argv, { environment: { JWT_SECRET: SECRET }, clock })
    expect(decodeJwt(stdout.trim())['scope']).toBe('rtc:admin chat:read chat:write')
  })

  test.each([
    '',
    'alice bob',
    'alice --ttl',
    'alice --ttl 0h',
    'alice --ttl 1.5h',
    'alice --ttl -1h',
    'alice --ttl 3600',
    'alice --ttl 1w',
    'alice --ttl 9999999d',
    'alice --admin',
    'a'.repeat(129),
    'ali\u0000ce',
  ])('refuses the arguments %j', async (line) => {
    await expect(run(line)).rejects.toThrow(UsageError)
  })

  test.each<Record<string, string>>([{ JWT_PUBLIC_KEY: pem(rsa.publicKey) }, { JWKS_URL: 'https://id.example/jwks' }])(
    'fails if only the issuer can sign',
    async (environment) => {
      const { exitCode, stdout = '', stderr = '' } = await run('alice', environment)
      expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
      expect(stderr).toMatch(/^The gateway cannot sign.+\n$/)
    },
  )

  test('reports the problems of the configuration', async () => {
    const { exitCode, stdout = '', stderr = '' } = await run('alice', { NODE_ENV: 'production', PORT: 'x' })
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
    expect(stderr).toMatch(/PORT[^]+JWT_SECRET/)
  })
})
