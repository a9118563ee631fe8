import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { exportJWK } from 'jose'
import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../src/config.ts'
import { SECRET, bytes, ed25519, p256, pem, rsa, sign, verifierWith } from './tokens.ts'

const publicKey = (key: KeyObject) => verifierWith({ secrets: { jwtPublicKey: pem(key) } })
const encoded = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
const UNAUTHENTICATED = { code: 'UNAUTHENTICATED' }

describe('a token is accepted when it is signed', () => {
  test('with the shared secret (HS256)', async () => {
    await expect(verifierWith()(await sign())).resolves.toMatchObject({ id: 'alice' })
  })

  test('with the development secret, when no key is configured', async () => {
    const verify = verifierWith({ secrets: {}, developmentSecret: 'made at the first start' })
    await expect(verify(await sign({}, { key: bytes('made at the first start') }))).resolves.toMatchObject({
      id: 'alice',
    })
  })

  test.each(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'])('with an RSA key (%s)', async (alg) => {
    const token = await sign({}, { alg, key: rsa.privateKey })
    await expect(publicKey(rsa.publicKey)(token)).resolves.toMatchObject({ id: 'alice' })
  })

  test.each([
    ['P-256', 'ES256'],
    ['P-384', 'ES384'],
    ['P-521', 'ES512'],
  ])('with a key on the curve %s (%s)', async (namedCurve, alg) => {
    const pair = generateKeyPairSync('ec', { namedCurve })
    const token = await sign({}, { alg, key: pair.privateKey })
    await expect(publicKey(pair.publicKey)(token)).resolves.toMatchObject({ id: 'alice' })
  })

  test.each(['EdDSA', 'Ed25519'])('with an Ed25519 key (%s)', async (alg) => {
    const token = await sign({}, { alg, key: ed25519.privateKey })
    await expect(publicKey(ed25519.publicKey)(token)).resolves.toMatchObject({ id: 'alice' })
  })
})

describe('the key decides the algorithm, not the token', () => {
  test.each([pem(rsa.publicKey), pem(rsa.publicKey).trim()])(
    'a public key is not accepted as an HS256 secret',
    async (text) => {
      const input = `${encoded({ alg: 'HS256' })}.${encoded({ sub: 'alice' })}`
      const signature = createHmac('sha256', text).update(input).digest('base64url')
      await expect(publicKey(rsa.publicKey)(`${input}.${signature}`)).rejects.toMatchObject(UNAUTHENTICATED)
    },
  )

  test.each(['none', 'None', 'NONE', ''])(
    'a token without a signature (alg "%s") is refused by any key',
    async (alg) => {
      const token = `${encoded({ alg })}.${encoded({ sub: 'alice' })}.`
      await expect(verifierWith()(token)).rejects.toMatchObject(UNAUTHENTICATED)
      await expect(publicKey(rsa.publicKey)(token)).rejects.toMatchObject(UNAUTHENTICATED)
      await expect(publicKey(p256.publicKey)(token)).rejects.toMatchObject(UNAUTHENTICATED)
    },
  )

  test.each(['HS384', 'HS512'])('the shared secret accepts HS256 only, not %s', async (alg) => {
    await expect(verifierWith()(await sign({}, { alg }))).rejects.toMatchObject(UNAUTHENTICATED)
  })

  test('an RS256 token is refused by a shared secret and an HS256 token by an RSA key', async () => {
    const rs256 = await sign({}, { alg: 'RS256', key: rsa.privateKey })
    await expect(verifierWith()(rs256)).rejects.toMatchObject(UNAUTHENTICATED)
    await expect(publicKey(rsa.publicKey)(await sign())).rejects.toMatchObject(UNAUTHENTICATED)
  })

  test('an ES256 token is refused by an RSA key and an RS256 token by a P-256 key', async () => {
    const es256 = await sign({}, { alg: 'ES256', key: p256.privateKey })
    const rs256 = await sign({}, { alg: 'RS256', key: rsa.privateKey })
    await expect(publicKey(rsa.publicKey)(es256)).rejects.toMatchObject(UNAUTHENTICATED)
    await expect(publicKey(p256.publicKey)(rs256)).rejects.toMatchObject(UNAUTHENTICATED)
  })

  test('a key in the header of the token is ignored', async () => {
    const mallory = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const jwk = await exportJWK(mallory.publicKey)
    const token = await sign({}, { alg: 'RS256', key: mallory.privateKey, jwk })
    await expect(publicKey(rsa.publicKey)(token)).rejects.toMatchObject(UNAUTHENTICATED)
  })

  test.each([{ jwtSecret: SECRET }, { jwtPublicKey: pem(rsa.publicKey) }])(
    'the development secret is not accepted if a key is configured',
    async (secrets) => {
      const verify = verifierWith({ secrets, developmentSecret: 'made at the first start' })
      const token = await sign({}, { key: bytes('made at the first start') })
      await expect(verify(token)).rejects.toMatchObject(UNAUTHENTICATED)
    },
  )
})

describe('a ConfigError reports', () => {
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const bitcoin = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
  const exchange = generateKeyPairSync('x25519')

  test.each([
    ['damaged', pem(rsa.publicKey).replaceAll('A', '!')],
    ['empty', '-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----'],
    ['RSA of 1024 bits', pem(weak.publicKey)],
    ['on a curve without an allowed JWT algorithm', pem(bitcoin.publicKey)],
    ['for key exchange', pem(exchange.publicKey)],
  ])('a public key that is %s', (_, jwtPublicKey) => {
    const create = () => verifierWith({ secrets: { jwtPublicKey } })
    expect(create).toThrow(ConfigError)
    expect(create).toThrow('JWT_PUBLIC_KEY')
  })

  test('a missing key', () => {
    expect(() => verifierWith({ secrets: {} })).toThrow(ConfigError)
  })
})
