import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MEDIA_SERVICES } from '../../src/media/providers.ts'
import { METRICS_TOKEN, scrape } from '../metrics/scrape.ts'
import { startWorld, type World } from '../world.ts'
import {
  agoraHook,
  agoraReport,
  HOOK_KEYS,
  livekitHook,
  livekitReport,
  type Report,
  signed,
  tencentHook,
  tencentReport,
  volcengineHook,
} from '../media/hooks/signed.ts'

let world: World & { close(): Promise<void> }
beforeAll(async () => {
  world = await startWorld({ env: Object.assign({ METRICS_TOKEN }, ...Object.values(HOOK_KEYS)) })
})
afterAll(() => world.close())

const roomId = '01900000-0000-7000-8000-00000000abcd'
const send = (path: string, init: RequestInit = {}) =>
  fetch(`${world.url}/webhooks${path}`, { method: 'POST', ...init })
const now = () => new Date()

describe.each(MEDIA_SERVICES)('the webhooks of %s', (service) => {
  test('need no token, only the signature; an unknown room is answered like any other', async () => {
    const hook = await signed(service, { kind: 'joined', roomId, mediaId: '7', at: now() })
    const response = await send(`/${service}`, hook)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect(await response.text()).toBe(service === 'tencent' ? '{"code":0}' : '{}')
  })

  test('are refused with 401 without a signature, also for a user with a token', async () => {
    const { body } = await signed(service, { kind: 'joined', roomId, mediaId: '7', at: now() })
    const unsigned = body.replace(/,"Signature":"\w+"/, '')
    const tokens = [undefined, `Bearer ${world.alice.token}`]
    for (const authorization of tokens) {
      const response = await send(`/${service}`, {
        body: unsigned,
        headers: { ...(authorization && { authorization }) },
      })
      expect(response.status).toBe(401)
      expect(response.headers.get('content-type')).toContain('application/problem+json')
      expect(await response.json()).toMatchObject({ code: 'UNAUTHENTICATED', instance: `/webhooks/${service}` })
    }
  })

  test('are bounded in size', async () => {
    const response = await send(`/${service}`, { body: 'x'.repeat(256 * 1024 + 1) })
    expect([response.status, await response.json()]).toMatchObject([413, { code: 'PAYLOAD_TOO_LARGE' }])
  })

  test('are requests of the method POST', async () => {
    const response = await fetch(`${world.url}/webhooks/${service}`)
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST'])
  })

  test('without their variables are not configured', async () => {
    const unconfigured = await startWorld()
    try {
      const response = await fetch(`${unconfigured.url}/webhooks/${service}`, { method: 'POST', body: '{}' })
      expect([response.status, await response.json()]).toMatchObject([422, { code: 'PROVIDER_NOT_CONFIGURED' }])
    } finally {
      await unconfigured.close()
    }
  })
})

test('what was reported, and why it was not used, is counted', async () => {
  const report = await signed('tencent', { kind: 'joined', roomId, mediaId: '7', at: now() })
  const counted = async (outcome: string) =>
    (await scrape(world.url)).value(`rtc_media_reports_total{service="tencent",outcome="${outcome}"}`) ?? 0
  const before = [await counted('unknown_room'), await counted('unauthenticated')]
  await send('/tencent', report)
  await send('/tencent', { ...report, headers: {} })
  expect([await counted('unknown_room'), await counted('unauthenticated')]).toEqual(before.map((count) => count + 1))
})

test('a body that is not signed is not parsed', async () => {
  // Deeper than any parser of the gateway allows.
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
  for (const service of MEDIA_SERVICES) expect((await send(`/${service}`, { body: deep })).status).toBe(401)
})

test('a signed body that is not what the service documents is an input error', async () => {
  expect((await send('/tencent', tencentHook({ EventGroupId: 1 }))).status).toBe(400)
  expect((await send('/volcengine', volcengineHook('UserJoinRoom', { RoomId: 1 }, now()))).status).toBe(400)
})

describe('a signed time or number that cannot be one is an input error:', () => {
  const report = (): Report => ({ kind: 'joined', roomId, mediaId: '7', at: now() })

  test.each([1e300, '9'.repeat(400)])('Timestamp %s of Volcengine', async (Timestamp) => {
    const hook = volcengineHook('UserJoinRoom', { RoomId: roomId, UserId: '7', Timestamp }, now())
    expect((await send('/volcengine', hook)).status).toBe(400)
  })

  test.each([{ EventMsTs: 1e300 }, { EventMsTs: undefined, EventTs: 1e300 }])('%j of Tencent', async (info) => {
    const callback = tencentReport(report(), now())
    const hook = tencentHook({ ...callback, EventInfo: { ...callback.EventInfo, ...info } })
    expect((await send('/tencent', hook)).status).toBe(400)
  })

  test.each([{ ts: 1e300 }, { clientSeq: 1e300 }, { clientSeq: 0.5 }])('%j of Agora', async (payload) => {
    const notice = agoraReport(report(), now())
    const hook = agoraHook({ ...notice, payload: { ...notice.payload, ...payload } })
    expect((await send('/agora', hook)).status).toBe(400)
  })

  test.each(['createdAt', 'joinedAtMs'])('%s of LiveKit', async (field) => {
    const max = String(2n ** 63n - 1n)
    const event = livekitReport(report())
    const changed =
      field === 'createdAt' ? { createdAt: max } : { participant: { ...event.participant, joinedAtMs: max } }
    expect((await send('/livekit', await livekitHook({ ...event, ...changed }))).status).toBe(400)
  })
})

test.each(['/webrtc', '/', '/livekit/more', '/constructor'])('/webhooks%s does not exist', async (path) => {
  expect((await send(path, { body: '{}' })).status).toBe(404)
})
