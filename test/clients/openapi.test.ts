import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createBrowser, VAPID_ENV } from '../push/browser.ts'
import { type Answer, startWorld } from '../world.ts'
import { type Contract, readContract } from './contract.ts'
import { ENDPOINTS, REQUEST_BODY } from './document.ts'

const UNKNOWN = '01900000-0000-7000-8000-000000000000'

let world: Awaited<ReturnType<typeof startWorld>>
let contract: Contract
beforeAll(async () => {
  world = await startWorld({ env: { ...VAPID_ENV, PUSH_GATEWAY_URL: 'http://127.0.0.1:9' } })
  contract = readContract(await (await fetch(`${world.url}/im/api/v1/openapi.json`)).json())
})
afterAll(() => world.close())

describe('openapi.json', () => {
  test('declares the authentication', () => {
    const { security, components } = contract.document
    expect(security.flatMap((schemes) => Object.keys(schemes))).toEqual(Object.keys(components.securitySchemes))
  })

  test('has unique operation ids, and declares every path parameter', () => {
    const ids = contract.operations.map(({ operationId }) => operationId)
    expect(new Set(ids).size).toBe(ids.length)
    for (const { path, parameters } of contract.operations) {
      const named = parameters.filter((parameter) => parameter.in === 'path' && parameter.required)
      expect(named.map(({ name }) => `{${name}}`)).toEqual(path.match(/\{\w+\}/g) ?? [])
    }
  })

  test('has every endpoint of the published document, and accepts its body', () => {
    for (const { method, path } of ENDPOINTS) {
      expect(contract.operations).toContainEqual(
        expect.objectContaining({ method, path: path.replaceAll(/:(\w+)/g, '{$1}') }),
      )
    }
    const create = contract.operationOf('POST', '/im/api/v1/rtc/rooms')
    expect(() => contract.checkRequest(create, JSON.parse(REQUEST_BODY))).not.toThrow()
    expect(() => contract.checkRequest(create, { type: 'p2p', colour: 'red' })).toThrow('colour')
  })
})

describe('every response has a status, a media type and a shape that openapi.json documents', () => {
  const answered = new Set<string>()

  /** Sends a request and validates the response against the contract. */
  async function send(userId: string, method: string, path: string, body?: unknown): Promise<Answer> {
    const headers = {
      authorization: `Bearer ${userId && (await world.token(userId))}`,
      'content-type': 'application/json',
      accept: 'application/json',
    }
    const response = await fetch(`${world.url}/im/api/v1/rtc${path}`, {
      method,
      headers,
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const answer = { status: response.status, headers: response.headers, body: await response.json() }
    const operation = contract.operationOf(method, new URL(response.url).pathname)
    contract.checkAnswer(operation, answer)
    if (response.ok) answered.add(operation.operationId)
    return answer
  }

  test('on success', async () => {
    const ok = async (...request: Parameters<typeof send>) => {
      const answer = await send(...request)
      expect(answer).toMatchObject({ status: expect.toBeOneOf([200, 201]) })
      return answer.body
    }
    const full = { name: 'Team', metadata: { topic: ['a', 1, null] }, participantIds: ['bob'], access: 'link' }
    const call = await ok('alice', 'POST', '/rooms', { type: 'p2p', calleeId: 'bob', mediaType: 'audio' })
    const group = await ok('alice', 'POST', '/rooms', { type: 'group', ...full })
    for (const { id } of [call, group]) {
      for (const user of ['alice', 'bob']) await ok(user, 'POST', `/rooms/${id}/join`, { deviceId: 'phone' })
      await ok('bob', 'POST', `/rooms/${id}/connection`)
      await ok('alice', 'GET', `/rooms/${id}`)
      await ok('bob', 'POST', `/rooms/${id}/leave`)
      await ok('alice', 'GET', `/rooms/${id}/participants`)
    }
    await ok('alice', 'POST', `/rooms/${group.id}/participants`, { userId: 'carol' })
    await ok('carol', 'POST', `/rooms/${group.id}/reject`, { reason: 'busy' })
    await ok('alice', 'DELETE', `/rooms/${group.id}/participants/bob`)
    await ok('alice', 'PUT', `/rooms/${group.id}/host`, { userId: 'alice' })
    for (const method of ['POST', 'PUT']) await ok('alice', method, `/rooms/${group.id}/end`)
    for (const query of ['', '?type=group&status=ended&first=1']) await ok('alice', 'GET', `/rooms${query}`)
    await ok('alice', 'GET', `/rooms/${group.id}/events?first=3`)
    await ok('alice', 'GET', '/calls/events')
    await ok('alice', 'GET', '/ice-servers')
    for (const method of ['PUT', 'DELETE']) await ok('alice', method, '/blocked-users/mallory')
    await ok('alice', 'GET', '/blocked-users')
    await ok('alice', 'GET', '/push/public-key')
    const { subscription } = createBrowser('https://fcm.googleapis.com/fcm/send/1')
    const { id } = await ok('alice', 'POST', '/push/subscriptions', subscription)
    await ok('alice', 'POST', '/push/apps', { appId: 'com.example.app', pushkey: 'token', data: { format: 'full' } })
    await ok('alice', 'GET', '/push/subscriptions')
    await ok('alice', 'DELETE', `/push/subscriptions/${id}`)
    expect([...answered].toSorted()).toEqual(contract.operations.map(({ operationId }) => operationId).toSorted())
  })

  test('on refusal', async () => {
    for (const { method, path, requestBody } of contract.operations) {
      const below = path.replace('/im/api/v1/rtc', '').replaceAll(/\{\w+\}/g, UNKNOWN)
      const body = requestBody?.required ? { userId: 'carol' } : undefined
      expect((await send('', method, below)).body.code).toBe('UNAUTHENTICATED')
      if (path.includes('{id}')) expect((await send('alice', method, below, body)).body.code).toBe('NOT_FOUND')
      if (requestBody) expect((await send('alice', method, below, '{')).body.code).toBe('BAD_USER_INPUT')
    }
    const refused = async (...request: Parameters<typeof send>) => (await send(...request)).body.code
    const { id } = (await send('alice', 'POST', '/rooms', { type: 'p2p', calleeId: 'bob' })).body
    expect(await refused('alice', 'POST', '/rooms', { type: 'p2p' })).toBe('BAD_USER_INPUT')
    expect(await refused('alice', 'POST', '/rooms', { type: 'group', provider: 'agora' })).toBe(
      'PROVIDER_NOT_CONFIGURED',
    )
    expect(await refused('alice', 'POST', '/rooms', 'x'.repeat(70_000))).toBe('PAYLOAD_TOO_LARGE')
    expect(await refused('alice', 'GET', '/rooms?colour=red')).toBe('BAD_USER_INPUT')
    expect(await refused('carol', 'GET', `/rooms/${id}`)).toBe('FORBIDDEN')
    expect(await refused('carol', 'POST', `/rooms/${id}/join`)).toBe('NOT_INVITED')
    expect(await refused('alice', 'POST', `/rooms/${id}/connection`)).toBe('FORBIDDEN')
    await send('alice', 'POST', `/rooms/${id}/end`)
    expect(await refused('alice', 'POST', `/rooms/${id}/join`)).toBe('ROOM_ENDED')
  })
})
