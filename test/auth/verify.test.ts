import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RtcError } from '../../src/core/errors.ts'
import { TokenExpired } from '../../src/auth/refusal.ts'
import { TOKEN_MAX_BYTES } from '../../src/auth/verify.ts'
import { SEED } from '../seed.ts'
import { NOW, bytes, seconds, sign, verifierWith } from './tokens.ts'

const UNAUTHENTICATED = { code: 'UNAUTHENTICATED' }
const verify = verifierWith()

describe('time', () => {
  test('a token is valid until its expiry, which the actor contains', async () => {
    const actor = await verify(await sign({ exp: seconds(1) }))
    expect(actor.expiresAt).toEqual(new Date(seconds(1) * 1000))
  })

  test('a token without an expiry is refused, unless the configuration allows it', async () => {
    const strict = verifierWith({ config: { allowNoExpiry: false } })
    await expect(strict(await sign())).rejects.toMatchObject(UNAUTHENTICATED)
    await expect(strict(await sign({ exp: seconds(60) }))).resolves.toMatchObject({ id: 'alice' })
    expect(await verify(await sign())).not.toHaveProperty('expiresAt')
  })

  test.each([seconds(60), NOW.getTime(), 'now', 1e300])('a token issued in the future (%s) is refused', async (iat) => {
    await expect(verify(await sign({ iat, exp: seconds(3600) }))).rejects.toMatchObject(UNAUTHENTICATED)
  })

  test.each([1e300, NOW.getTime()])('an expiry beyond the year 9999 (%d) is clamped', async (exp) => {
    const { expiresAt } = await verify(await sign({ exp }))
    expect(expiresAt?.toISOString()).toBe('9999-12-31T23:59:59.000Z')
  })

  test('an expired token is refused with TokenExpired, an invalid one is not', async () => {
    const refusal = await verify(await sign({ exp: seconds(-60) })).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(TokenExpired)
    expect(refusal).toMatchObject(UNAUTHENTICATED)
    const invalid = await verify(await sign({}, { key: bytes('another secret') })).catch((error: unknown) => error)
    expect(invalid).not.toBeInstanceOf(TokenExpired)
  })

  test('an expired token with an invalid signature is not refused with TokenExpired', async () => {
    const token = await sign({ exp: seconds(-60) }, { key: bytes('another secret') })
    const refusal = await verify(token).catch((error: unknown) => error)
    expect(refusal).toMatchObject(UNAUTHENTICATED)
    expect(refusal).not.toBeInstanceOf(TokenExpired)
  })

  test('clocks may differ by three seconds, but not by ten', async () => {
    await expect(verify(await sign({ exp: seconds(-3) }))).resolves.toMatchObject({ id: 'alice' })
    await expect(verify(await sign({ exp: seconds(-10) }))).rejects.toBeInstanceOf(TokenExpired)
    await expect(verify(await sign({ nbf: seconds(3) }))).resolves.toMatchObject({ id: 'alice' })
    await expect(verify(await sign({ nbf: seconds(10) }))).rejects.toMatchObject(UNAUTHENTICATED)
  })

  test('times that are not numbers are refused', async () => {
    await expect(verify(await sign({ exp: 'never' }))).rejects.toMatchObject(UNAUTHENTICATED)
    await expect(verify(await sign({ nbf: 'now' }))).rejects.toMatchObject(UNAUTHENTICATED)
  })
})

describe('issuer and audience', () => {
  const strict = verifierWith({ config: { issuer: 'https://id.example', audience: 'rtc' } })
  const good = { iss: 'https://id.example', aud: 'rtc' }

  test('are checked only if configured', async () => {
    await expect(verify(await sign({ iss: 'anybody', aud: 'anything' }))).resolves.toMatchObject({ id: 'alice' })
    await expect(strict(await sign(good))).resolves.toMatchObject({ id: 'alice' })
    await expect(strict(await sign({ ...good, aud: ['chat', 'rtc'] }))).resolves.toMatchObject({ id: 'alice' })
  })

  test.each([
    ['another issuer', { ...good, iss: 'https://id.example.evil' }],
    ['no issuer', { aud: 'rtc' }],
    ['another audience', { ...good, aud: 'chat' }],
    ['other audiences', { ...good, aud: ['chat', 'mail'] }],
    ['no audience', { iss: good.iss }],
  ])('a token with %s is refused without disclosing the expected value', async (_, claims) => {
    const refusal: unknown = await strict(await sign(claims)).catch((error: unknown) => error)
    expect(refusal).toMatchObject(UNAUTHENTICATED)
    expect(String(refusal)).not.toMatch(/id\.example|"rtc"/)
  })
})

describe('a malformed token', () => {
  test('over 8 KiB is refused', async () => {
    await expect(verify(await sign({ pad: 'x'.repeat(5000) }))).resolves.toMatchObject({ id: 'alice' })
    const long = await sign({ pad: 'x'.repeat(7000) })
    expect(long.length).toBeGreaterThan(TOKEN_MAX_BYTES)
    await expect(verify(long)).rejects.toMatchObject(UNAUTHENTICATED)
  })

  test.each([
    ['no dots', 'garbage'],
    ['only dots', '..'],
    ['an encrypted token', 'eyJhbGciOiJkaXIifQ....'],
    ['broken base64', '!!.??.§§'],
    ['a header that is not JSON', `${Buffer.from('alg').toString('base64url')}.e30.AA`],
    ['a header that is not an object', `${Buffer.from('null').toString('base64url')}.e30.AA`],
    ['nothing', ''],
  ])('is refused: %s', async (_, text) => {
    await expect(verify(text)).rejects.toMatchObject(UNAUTHENTICATED)
  })

  test('is refused if it is a valid one with white space, padding or trailing bits', async () => {
    const good = await sign()
    // The last character of 32 encoded bytes has two unused bits.
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const stray = good.slice(0, -1) + (alphabet[alphabet.indexOf(good.at(-1) ?? '') + 1] ?? '')
    for (const text of [`${good} `, `${good}\n`, `${good}=`, good.replace('.', ' .'), stray]) {
      await expect(verify(text)).rejects.toMatchObject(UNAUTHENTICATED)
    }
    await expect(verify(good)).resolves.toMatchObject({ id: 'alice' })
  })

  test('is always refused with UNAUTHENTICATED', async () => {
    const good = await sign()
    const damaged = fc
      .tuple(fc.nat(good.length), fc.string({ maxLength: 3 }))
      .map(([at, text]) => good.slice(0, at) + text + good.slice(at + 1))
      .filter((text) => text !== good)
    const json = fc.oneof(
      fc.json(),
      fc.json().map((text) => `{"alg":"HS256","x":${text}}`),
    )
    const shaped = fc
      .tuple(json, json, fc.string())
      .map((parts) => parts.map((part) => Buffer.from(part).toString('base64url')).join('.'))
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), damaged, shaped), async (text) => {
        const refusal: unknown = await verify(text).catch((error: unknown) => error)
        expect(refusal).toBeInstanceOf(RtcError)
        expect(refusal).toMatchObject(UNAUTHENTICATED)
      }),
      { numRuns: 500, seed: SEED },
    )
  })
})
