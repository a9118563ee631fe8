import { createServer, type RequestListener } from 'node:http'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { exportJWK } from 'jose'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { TIMEOUTS, type Timeouts } from '../../src/core/timeouts.ts'
import { bytes, ed25519, p256, pem, rsa, sign, verifierWith } from './tokens.ts'

const UNAUTHENTICATED = { code: 'UNAUTHENTICATED' }
const UNAVAILABLE = { code: 'UNAVAILABLE', retryAfter: 5 }

/** Milliseconds after which keys are due for a refresh. */
const OLD = 301_000
/** Milliseconds for which they remain in use after that. */
const MAX_STALE = 3_600_000

async function published(keys: Record<string, KeyObject>) {
  const named = Object.entries(keys).map(async ([kid, key]) => Object.assign(await exportJWK(key), { kid, use: 'sig' }))
  return { keys: await Promise.all(named) }
}

/** A server of key sets on a free port; `answer` overrides its response. */
async function issuer(keys: Record<string, KeyObject>) {
  const state = { keys, requests: 0, answer: undefined as RequestListener | undefined }
  const server = createServer((request, response) => {
    state.requests += 1
    if (state.answer) return state.answer(request, response)
    void published(state.keys).then((keySet) => response.end(JSON.stringify(keySet)))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const close = async () => {
    if (!server.listening) return
    server.closeAllConnections()
    await once(server.close(), 'close')
  }
  onTestFinished(close)
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  return Object.assign(state, { url: `http://127.0.0.1:${port}/jwks.json`, close })
}

const verifierOf = (url: string, timeouts: Partial<Timeouts> = { keySetFetch: 50 }) =>
  verifierWith({ secrets: {}, config: { jwksUrl: url }, timeouts })

/** Moves the clock that measures the age of fetched keys. */
function advanceTime(milliseconds: number) {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + milliseconds })
  onTestFinished(() => void vi.useRealTimers())
}

describe('the published keys of the issuer', () => {
  test('verify tokens of every algorithm and are fetched once', async () => {
    const server = await issuer({ r: rsa.publicKey, e: p256.publicKey, o: ed25519.publicKey })
    const verify = verifierOf(server.url)
    const tokens = await Promise.all([
      sign({}, { alg: 'RS256', kid: 'r', key: rsa.privateKey }),
      sign({}, { alg: 'PS512', kid: 'r', key: rsa.privateKey }),
      sign({}, { alg: 'ES256', kid: 'e', key: p256.privateKey }),
      sign({}, { alg: 'EdDSA', kid: 'o', key: ed25519.privateKey }),
    ])
    const actors = await Promise.all(tokens.map(verify))
    expect(actors.map(({ id }) => id)).toEqual(['alice', 'alice', 'alice', 'alice'])
    expect(server.requests).toBe(1)
  })

  test('are not accepted as HS256 secrets', async () => {
    const server = await issuer({ r: rsa.publicKey })
    const token = await sign({}, { kid: 'r', key: bytes(pem(rsa.publicKey)) })
    await expect(verifierOf(server.url)(token)).rejects.toMatchObject(UNAUTHENTICATED)
  })

  test('require a kid in the token if several have the same type', async () => {
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const server = await issuer({ old: other.publicKey, new: rsa.publicKey })
    const verify = verifierOf(server.url)
    const nameless = await sign({}, { alg: 'RS256', key: rsa.privateKey })
    await expect(verify(nameless)).rejects.toMatchObject(UNAUTHENTICATED)
    const named = await sign({}, { alg: 'RS256', kid: 'new', key: rsa.privateKey })
    await expect(verify(named)).resolves.toMatchObject({ id: 'alice' })
  })

  test('do not verify a token that another key has signed with their kid', async () => {
    const mallory = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const server = await issuer({ r: rsa.publicKey })
    const token = await sign({}, { alg: 'RS256', kid: 'r', key: mallory.privateKey })
    await expect(verifierOf(server.url)(token)).rejects.toMatchObject(UNAUTHENTICATED)
  })
})

describe('when the issuer changes its key', () => {
  test('the new key is fetched with its first token and the old one no longer verifies', async () => {
    const server = await issuer({ old: rsa.publicKey })
    const verify = verifierOf(server.url)
    const before = await sign({}, { alg: 'RS256', kid: 'old', key: rsa.privateKey })
    const after = await sign({}, { alg: 'ES256', kid: 'new', key: p256.privateKey })
    await verify(before)
    server.keys = { new: p256.publicKey }
    await expect(verify(after)).resolves.toMatchObject({ id: 'alice' })
    await expect(verify(before)).rejects.toMatchObject(UNAUTHENTICATED)
  })

  test('many tokens with forged kids cause only two fetches, and a new key is found by the next one', async () => {
    const server = await issuer({ r: rsa.publicKey })
    // All tokens arrive between two fetches.
    const verify = verifierOf(server.url, TIMEOUTS)
    await verify(await sign({}, { alg: 'RS256', kid: 'r', key: rsa.privateKey }))
    const withForgedKid = async (kid: string) => verify(await sign({}, { alg: 'RS256', kid, key: rsa.privateKey }))
    const forged = Promise.allSettled(Array.from({ length: 60 }, (_, n) => withForgedKid(`forged-${n}`)))
    server.keys = { r: rsa.publicKey, new: p256.publicKey }
    const after = await sign({}, { alg: 'ES256', kid: 'new', key: p256.privateKey })
    await expect(verify(after)).resolves.toMatchObject({ id: 'alice' })
    for (const outcome of await forged) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: UNAUTHENTICATED })
    }
    expect(server.requests).toBe(2)
  })

  test('a token with a new key that arrives during a fetch waits for the next fetch', async () => {
    const server = await issuer({ old: rsa.publicKey })
    const verify = verifierOf(server.url)
    const old = await sign({}, { alg: 'RS256', kid: 'old', key: rsa.privateKey })
    await verify(old)
    // The issuer sends a response with the old keys before it publishes the new one.
    const answered = new EventEmitter()
    server.answer = (_request, response) => {
      void published(server.keys).then((keySet) => {
        server.answer = undefined
        response.write(JSON.stringify(keySet).slice(0, 10))
        answered.emit('answered')
        setImmediate(() => response.end(JSON.stringify(keySet).slice(10)))
      })
    }
    const isAnswered = once(answered, 'answered')
    const unknown = verify(await sign({}, { alg: 'RS256', kid: 'unknown', key: rsa.privateKey })).catch(String)
    await isAnswered
    server.keys = { old: rsa.publicKey, new: p256.publicKey }
    const after = await sign({}, { alg: 'ES256', kid: 'new', key: p256.privateKey })
    await expect(verify(after)).resolves.toMatchObject({ id: 'alice' })
    await unknown
  })
})

const token = () => sign({}, { alg: 'RS256', kid: 'r', key: rsa.privateKey })

describe('when the keys cannot be fetched', () => {
  test('tokens are answered with UNAVAILABLE until the issuer recovers', async () => {
    const server = await issuer({ r: rsa.publicKey })
    const verify = verifierOf(server.url)
    server.answer = (request) => request.socket.destroy()
    await expect(verify(await token())).rejects.toMatchObject(UNAVAILABLE)
    server.answer = undefined
    await expect(verify(await token())).resolves.toMatchObject({ id: 'alice' })
  })

  test('tokens are answered with UNAVAILABLE if nothing listens at the URL', async () => {
    const server = await issuer({ r: rsa.publicKey })
    await server.close()
    await expect(verifierOf(server.url)(await token())).rejects.toMatchObject(UNAVAILABLE)
  })

  test.each<[string, number, string]>([
    ['an error', 500, '{"keys":[]}'],
    ['an HTML page', 200, '<html></html>'],
    ['other JSON', 200, '{"message":"hello"}'],
  ])('tokens are answered with UNAVAILABLE if the response is %s', async (_, status, body) => {
    const server = await issuer({ r: rsa.publicKey })
    server.answer = (_request, response) => void response.writeHead(status).end(body)
    await expect(verifierOf(server.url)(await token())).rejects.toMatchObject(UNAVAILABLE)
  })

  test('earlier keys still verify', async () => {
    const server = await issuer({ r: rsa.publicKey })
    const verify = verifierOf(server.url)
    await verify(await token())
    await server.close()
    advanceTime(OLD)
    await expect(verify(await token())).resolves.toMatchObject({ id: 'alice' })
    const unknown = await sign({}, { alg: 'RS256', kid: 'new', key: rsa.privateKey })
    await expect(verify(unknown)).rejects.toMatchObject(UNAVAILABLE)
  })

  test('earlier keys no longer verify after JWKS_MAX_STALE', async () => {
    const server = await issuer({ r: rsa.publicKey })
    const verify = verifierOf(server.url)
    await verify(await token())
    await server.close()
    advanceTime(OLD + MAX_STALE)
    await expect(verify(await token())).rejects.toMatchObject(UNAVAILABLE)
  })
})
