import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { exportJWK } from 'jose'
import { afterAll, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { VerifiedTokens } from '../../src/auth/verified-tokens.ts'
import { bytes, NOW, rsa, seconds, sign, verifierWith } from './tokens.ts'

const UNAUTHENTICATED = { code: 'UNAUTHENTICATED' }

const signatures = vi.spyOn(crypto.subtle, 'verify')
beforeEach(() => void signatures.mockClear())
afterAll(() => signatures.mockRestore())

/** A clock that tests move, in seconds from NOW. */
function movableClock() {
  let now = NOW
  return { now: () => now, moveTo: (fromNow: number) => void (now = new Date(seconds(fromNow) * 1000)) }
}

test('verifies the signature of a token once a minute', async () => {
  const clock = movableClock()
  const verify = verifierWith({ clock })
  const token = await sign({ exp: seconds(3600) })
  const actor = await verify(token)
  clock.moveTo(59)
  expect(await verify(token)).toEqual(actor)
  expect(signatures).toHaveBeenCalledTimes(1)
  clock.moveTo(60)
  expect(await verify(token)).toEqual(actor)
  expect(signatures).toHaveBeenCalledTimes(2)
})

test('refuses a verified token from its expiry on', async () => {
  const clock = movableClock()
  const verify = verifierWith({ clock })
  const token = await sign({ exp: seconds(10) })
  await verify(token)
  clock.moveTo(14)
  await expect(verify(token)).resolves.toMatchObject({ id: 'alice' })
  clock.moveTo(15)
  await expect(verify(token)).rejects.toMatchObject(UNAUTHENTICATED)
  expect(signatures).toHaveBeenCalledTimes(2)
})

test('verifies again after the clock was set back before the token is valid', async () => {
  const clock = movableClock()
  const verify = verifierWith({ clock })
  const token = await sign({ nbf: seconds(-10) })
  await verify(token)
  clock.moveTo(-60)
  await expect(verify(token)).rejects.toMatchObject(UNAUTHENTICATED)
})

test('verifies the signature of a refused token each time', async () => {
  const verify = verifierWith()
  const token = await sign({}, { key: bytes('the secret of somebody else, just as long') })
  await expect(verify(token)).rejects.toMatchObject(UNAUTHENTICATED)
  await expect(verify(token)).rejects.toMatchObject(UNAUTHENTICATED)
  expect(signatures).toHaveBeenCalledTimes(2)
})

test('verifies a token with the same content but another signature', async () => {
  const verify = verifierWith()
  const token = await sign()
  await verify(token)
  const forged = `${token.slice(0, token.lastIndexOf('.'))}.${Buffer.alloc(32).toString('base64url')}`
  await expect(verify(forged)).rejects.toMatchObject(UNAUTHENTICATED)
})

test('refuses tokens of a withdrawn key as soon as the new keys are fetched', async () => {
  const next = generateKeyPairSync('rsa', { modulusLength: 2048 })
  let published = { kid: 'first', key: rsa.publicKey }
  const server = createServer((_request, response) => {
    void exportJWK(published.key).then((jwk) =>
      response.end(JSON.stringify({ keys: [{ ...jwk, kid: published.kid }] })),
    )
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as { port: number }
  const verify = verifierWith({ secrets: {}, config: { jwksUrl: `http://127.0.0.1:${port}/` } })
  const first = await sign({}, { alg: 'RS256', kid: 'first', key: rsa.privateKey })
  await verify(first)
  await verify(first)
  signatures.mockClear()
  await verify(first)
  expect(signatures).not.toHaveBeenCalled()

  published = { kid: 'next', key: next.publicKey }
  await verify(await sign({}, { alg: 'RS256', kid: 'next', key: next.privateKey }))
  await expect(verify(first)).rejects.toMatchObject(UNAUTHENTICATED)
})

test('limits the number and the bytes of cached tokens', () => {
  const many = new VerifiedTokens()
  const actor = { id: 'alice', scopes: new Set<string>() }
  const at = { now: NOW, version: 0 }
  for (let nth = 0; nth < 20_001; nth += 1) many.put(`token ${nth}`, actor, at)
  expect(many.size).toBe(20_000)
  expect(many.get('token 0', at)).toBeUndefined()
  expect(many.get('token 20000', at)).toBe(actor)

  const long = new VerifiedTokens()
  for (let nth = 0; nth < 2049; nth += 1) long.put(String(nth).padEnd(8192), actor, at)
  expect(long.size).toBe(2048)
  long.put('1'.padEnd(8192), actor, at)
  expect(long.size).toBe(2048)
})
