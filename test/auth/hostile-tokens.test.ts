import { createHmac, generateKeyPairSync } from 'node:crypto'
import { UnsecuredJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openPeer } from '../peer.ts'
import { manualClock, SECRET, startWorld } from '../world.ts'
import { sign } from './tokens.ts'

/** Tokens of attackers, which must be refused over every transport. */

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const clock = manualClock(new Date(Math.floor(Date.now() / 1000) * 1000))
const now = clock.now().getTime() / 1000
const claims = { sub: 'alice', iat: now, exp: now + 3600 }
const key = new TextEncoder().encode(SECRET)
const otherKey = new TextEncoder().encode('a secret of somebody else, 32 bytes or more')
const signed = (more: Record<string, unknown> = {}, header: object = {}) =>
  sign({ ...claims, ...more }, { key, ...header })

/** A token with a valid HS256 signature and any header. */
function signedByHand(header: object, payload: object = claims): string {
  const content = `${base64(header)}.${base64(payload)}`
  return `${content}.${createHmac('sha256', SECRET).update(content).digest('base64url')}`
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const publicPem = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString()

const EXPIRED = 'an expiry in the past'

const tokens: readonly (readonly [what: string, make: () => string | Promise<string>])[] = [
  ['no signature and alg none', () => new UnsecuredJWT(claims).encode()],
  ['alg None, with the signature of HS256', () => signedByHand({ alg: 'None' })],
  ['alg nOnE and an empty signature', () => `${base64({ alg: 'nOnE' })}.${base64(claims)}.`],
  ['no alg', () => signedByHand({ typ: 'JWT' })],
  ['a list as alg', () => signedByHand({ alg: ['HS256'] })],
  ['alg HS512', () => signed({}, { alg: 'HS512', key: new TextEncoder().encode(SECRET.repeat(2)) })],
  ['the signature of another secret', () => sign(claims, { key: otherKey })],
  ['the signature of a public key as a secret', () => sign(claims, { key: new TextEncoder().encode(publicPem) })],
  ['the signature of RS256', () => sign(claims, { key: rsa.privateKey, alg: 'RS256' })],
  ['a key of its own in the header', () =>
    sign(claims, { key: rsa.privateKey, alg: 'RS256', jwk: rsa.publicKey.export({ format: 'jwk' }) })],
  ['the address of a key in the header', () =>
    sign(claims, { key: rsa.privateKey, alg: 'RS256', jku: 'http://127.0.0.1:9/keys', kid: 'x' })],
  ['the path of a file as kid and an empty key', () =>
    sign(claims, { key: new Uint8Array(32), kid: '../../../../dev/null' })],
  ['an unknown critical header', () => signedByHand({ alg: 'HS256', crit: ['x'], x: 1 })],
  ['an unencoded payload (b64: false)', () => signedByHand({ alg: 'HS256', b64: false, crit: ['b64'] })],
  ['a changed subject', async () => {
    const [header, , signature] = (await signed()).split('.')
    return `${header}.${base64({ ...claims, sub: 'bob' })}.${signature}`
  }],
  [EXPIRED, () => signed({ exp: now - 60 })],
  ['an expiry of the type string', () => signed({ exp: String(now + 3600) })],
  ['a start in the future', () => signed({ nbf: now + 600 })],
  ['no expiry', () => signed({ exp: undefined })],
  ['an issue time in the future', () => signed({ iat: now + 600 })],
  ['an issue time in milliseconds', () => signed({ iat: now * 1000 })],
  ['no subject', () => signed({ sub: undefined })],
  ['an empty subject', () => signed({ sub: '' })],
  ['a number as subject', () => signed({ sub: 7 })],
  ['a list as subject', () => signed({ sub: ['alice'] })],
  ['an object as subject', () => signed({ sub: { toString: 'alice' } })],
  ['a subject of 129 characters', () => signed({ sub: 'a'.repeat(129) })],
  ['a line break in the subject', () => signed({ sub: 'alice\nbob' })],
  ['a NUL in the subject', () => signed({ sub: 'alice\0' })],
  ['a lone surrogate in the subject', () => signed({ sub: 'alice\uD800' })],
  ['claims that are a list', () => signedByHand({ alg: 'HS256' }, [claims])],
  ['more than 8 KiB', () => signed({ pad: 'x'.repeat(8000) })],
  ['five parts, as if encrypted', () => `${base64({ alg: 'dir', enc: 'A256GCM' })}..AAAA.AAAA.AAAA`],
  ['padding in base64', async () => `${await signed()}=`],
  ['two tokens', async () => `${await signed()},${await signed()}`],
  ['percent encoding', async () => (await signed()).replace('.', '%2E')],
] // prettier-ignore

let world: Awaited<ReturnType<typeof startWorld>>
beforeAll(async () => {
  world = await startWorld({ dependencies: { clock } })
})
afterAll(() => world.close())

const post = async (path: string, token: string, body: object) => {
  const response = await fetch(world.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return { status: response.status, text: await response.text() }
}

const rest = (token: string) => post('/im/api/v1/rtc/rooms', token, { type: 'group' })
const graphql = (token: string) => post('/graphql', token, { query: '{ me { id } }' })

async function webSocket(token: string): Promise<number | 'acknowledged'> {
  const peer = await openPeer(world.url)
  peer.send({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } })
  const answer = await Promise.race([peer.closed, peer.receive().catch(() => peer.closed)])
  peer.socket.close()
  return typeof answer === 'number' ? answer : 'acknowledged'
}

test('accepts a valid token over every transport', async () => {
  const token = await signed()
  expect((await rest(token)).status).toBe(201)
  expect((await graphql(token)).status).toBe(200)
  expect(await webSocket(token)).toBe('acknowledged')
})

describe('refuses over every transport a token with', () => {
  test.each(tokens)('%s', async (what, make) => {
    const token = await make()
    for (const [door, send] of Object.entries({ rest, graphql })) {
      const { status, text } = await send(token)
      expect({ door, status }).toEqual({ door, status: 401 })
      expect(text).toContain('UNAUTHENTICATED')
      // The error must not quote the token, which may be a secret sent by mistake.
      expect(text).not.toContain(token.slice(0, 40))
    }
    // 4403 makes clients reconnect with a new token, so it is used only for expired ones.
    expect(await webSocket(token)).toBe(what === EXPIRED ? 4403 : 4401)
  })
})

test('accepts a token over every transport for five seconds after its expiry, but no longer', async () => {
  const token = await signed({ exp: now - 1 })
  expect((await rest(token)).status).toBe(201)
  expect((await graphql(token)).status).toBe(200)
  const peer = await openPeer(world.url, { token })
  clock.advance(4)
  expect(await peer.closed).toBe(4403)
  expect((await rest(token)).status).toBe(401)
  expect((await graphql(token)).status).toBe(401)
  expect(await webSocket(token)).toBe(4403)
})
