import { chmod, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ConfigError } from '../../src/config.ts'
import { developmentSecret, mintToken } from '../../src/auth/development.ts'
import { NOW, SECRET, seconds, verifierWith } from './tokens.ts'

async function emptyDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'rtc-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  return directory
}

describe('the development secret', () => {
  test('is created once and then read, also if the directory does not exist yet', async () => {
    const dataDir = join(await emptyDirectory(), 'deep', 'data')
    const secret = await developmentSecret(dataDir)
    expect(Buffer.from(secret, 'base64url')).toHaveLength(32)
    await expect(developmentSecret(dataDir)).resolves.toBe(secret)
  })

  test('differs between directories', async () => {
    const [one, two] = [
      await developmentSecret(await emptyDirectory()),
      await developmentSecret(await emptyDirectory()),
    ]
    expect(one).not.toBe(two)
  })

  test('is readable by its owner only, and leaves no temporary files', async () => {
    const dataDir = await emptyDirectory()
    await developmentSecret(dataDir)
    const files = await readdir(dataDir)
    expect(files).toHaveLength(1)
    const { mode } = await stat(join(dataDir, files[0] ?? ''))
    expect(mode & 0o777).toBe(0o600)
  })

  test('is the same for gateways that start at the same time', async () => {
    const dataDir = join(await emptyDirectory(), 'data')
    const secrets = await Promise.all(Array.from({ length: 50 }, () => developmentSecret(dataDir)))
    expect(new Set(secrets).size).toBe(1)
    expect(await readdir(dataDir)).toHaveLength(1)
  })

  test('is refused if its file is empty', async () => {
    const dataDir = await emptyDirectory()
    const secret = await developmentSecret(dataDir)
    const [file = ''] = await readdir(dataDir)
    await chmod(join(dataDir, file), 0o600)
    await writeFile(join(dataDir, file), '\n')
    await expect(developmentSecret(dataDir)).rejects.toThrow(ConfigError)
    await writeFile(join(dataDir, file), `${secret}\n`)
    await expect(developmentSecret(dataDir)).resolves.toBe(secret)
  })

  test('fails with a ConfigError if the directory cannot be used', async () => {
    const file = join(await emptyDirectory(), 'file')
    await writeFile(file, '')
    await expect(developmentSecret(file)).rejects.toThrow(ConfigError)
    await expect(developmentSecret(file)).rejects.toThrow('DATA_DIR')
    await expect(readFile(file, 'utf8')).resolves.toBe('')
  })
})

const minted = (options: Partial<Parameters<typeof mintToken>[0]> = {}) =>
  mintToken({ secret: SECRET, userId: 'alice', ttl: 3600, now: NOW, ...options })

describe('a minted token', () => {
  test('is accepted by the gateway and expires after its lifetime', async () => {
    await expect(verifierWith()(await minted())).resolves.toEqual({
      id: 'alice',
      scopes: new Set(),
      expiresAt: new Date(seconds(3600) * 1000),
    })
  })

  test('contains its time of issue in whole seconds', async () => {
    const now = new Date(NOW.getTime() + 567)
    expect(decodeJwt(await minted({ now }))).toMatchObject({ iat: seconds(), exp: seconds(3600) })
  })

  test('contains scopes, issuer, audience and user claim as configured', async () => {
    const config = { issuer: 'https://id.example', audience: 'rtc', userClaim: 'uid' }
    const token = await minted({ ...config, scopes: ['rtc:admin', 'chat'] })
    await expect(verifierWith({ config })(token)).resolves.toMatchObject({
      id: 'alice',
      scopes: new Set(['rtc:admin', 'chat']),
    })
  })

  test('contains no other claims', async () => {
    expect(Object.keys(decodeJwt(await minted())).toSorted()).toEqual(['exp', 'iat', 'sub'])
  })
})
