import { describe, expect, test } from 'vitest'
import { createAgoraHook } from '../../../src/media/hooks/agora.ts'
import type { Hook } from '../../../src/media/hooks/hook.ts'
import { configuredProviders, MEDIA_SERVICES, type MediaService } from '../../../src/media/providers.ts'
import {
  agoraHook,
  agoraReport,
  HOOK_KEYS,
  livekitHook,
  livekitReport,
  type Report,
  signed,
  type SignedHook,
  tencentHook,
  tencentReport,
  volcengineHook,
} from './signed.ts'

const { hooks } = configuredProviders({ livekit: HOOK_KEYS.livekit }, Object.assign({}, ...Object.values(HOOK_KEYS)))
const hookOf = (service: MediaService): Hook => hooks[service] ?? expect.unreachable()

const roomId = '01900000-0000-7000-8000-00000000abcd'
const now = new Date()
/** LiveKit and Agora report whole seconds. */
const at = new Date(Math.floor(now.getTime() / 1000) * 1000)
const report = (kind: Report['kind']): Report => ({ kind, roomId, mediaId: '7', at })

const receive = (service: MediaService, { headers, body }: SignedHook, time = now) =>
  hookOf(service).receive({ headers, body: Buffer.from(body), now: time })
const refused = { code: 'UNAUTHENTICATED' }

describe.each(MEDIA_SERVICES)('%s', (service) => {
  test.each(['joined', 'left', 'lost'] as const)('reports who has %s', async (kind) => {
    const events = await receive(service, await signed(service, report(kind)))
    expect(events).toMatchObject([{ kind, roomId, mediaId: '7', at, position: at.getTime() }])
    expect(events).toMatchObject([{ stay: service === 'livekit' ? `PA_${at.getTime()}` : null }])
  })

  test('refuses a changed body, a missing signature and a signature by another secret', async () => {
    const { headers, body } = await signed(service, report('joined'))
    const changed = { headers, body: body.replace(roomId, roomId.replace('a', 'b')) }
    const unsigned = service === 'volcengine' ? body.replace(/,"Signature":"\w+"/, '') : body
    const attempts = [changed, { headers: {}, body: unsigned }, { headers, body: '' }, await FORGED[service]]
    for (const attempt of attempts) await expect(receive(service, attempt)).rejects.toMatchObject(refused)
  })

  test('refuses a body that was serialised again', async () => {
    const { headers, body } = await signed(service, report('joined'))
    const again = { headers, body: JSON.stringify(JSON.parse(body), null, 1) }
    // Volcengine signs the values, whatever their format.
    if (service === 'volcengine') expect(await receive(service, again)).toHaveLength(1)
    else await expect(receive(service, again)).rejects.toMatchObject(refused)
  })

  test('refuses a recorded request that is sent again later', async () => {
    const recorded =
      service === 'livekit' ? await livekitHook({}, { exp: '-1m' }) : await signed(service, report('lost'))
    const [inTime, late] = [599, 601].map((seconds) => new Date(now.getTime() + seconds * 1000))
    if (service !== 'livekit') expect(await receive(service, recorded, inTime)).toHaveLength(1)
    await expect(receive(service, recorded, late)).rejects.toMatchObject(refused)
  })
})

const FORGED: Record<MediaService, SignedHook | Promise<SignedHook>> = {
  livekit: livekitHook(livekitReport(report('joined')), { secret: 'another secret' }),
  volcengine: volcengineHook('UserJoinRoom', { RoomId: roomId, UserId: '7' }, now, { secret: 'another secret' }),
  tencent: tencentHook(tencentReport(report('joined'), now), 'another'),
  agora: agoraHook(agoraReport(report('joined'), now), 'another secret'),
}

describe('livekit', () => {
  test('a webhook signed with another API key is refused', async () => {
    const hook = await livekitHook(livekitReport(report('joined')), { key: 'APIother' })
    await expect(receive('livekit', hook)).rejects.toMatchObject(refused)
  })

  test('the stay begins when the participant joined, whichever event reports it', async () => {
    const stay = { id: 'PA_first', since: new Date(at.getTime() - 60_123) }
    const [event] = await receive('livekit', await signed('livekit', { ...report('left'), stay }))
    expect(event).toMatchObject({ stay: 'PA_first', position: stay.since.getTime(), at })
  })

  test.each([
    ['an agent', { participant: { kind: 'AGENT', identity: 'agent-1', sid: 'PA_1' } }],
    ['a recorder', { participant: { kind: 'EGRESS', identity: 'EG_1', sid: 'PA_1' } }],
    ['a published track', { event: 'track_published' }],
    ['an empty room', { event: 'room_finished', participant: undefined }],
  ])('%s is nothing about the presence of a user', async (_what, changed) => {
    expect(await receive('livekit', await livekitHook({ ...livekitReport(report('joined')), ...changed }))).toEqual([])
  })

  test('an aborted connection is lost', async () => {
    const event = { ...livekitReport(report('joined')), event: 'participant_connection_aborted' }
    expect(await receive('livekit', await livekitHook(event))).toMatchObject([{ kind: 'lost' }])
  })
})

describe('volcengine', () => {
  test('both spellings of the nonce are verified', async () => {
    const hook = volcengineHook('UserJoinRoom', { RoomId: roomId, UserId: '7' }, at, { nonce: 'Noce' })
    expect(await receive('volcengine', hook)).toMatchObject([{ kind: 'joined', position: at.getTime() }])
  })

  test.each([at.getTime() / 1000, at.getTime(), at.getTime() * 1000, String(at.getTime())])(
    'the unit of Timestamp %s is recognised',
    async (Timestamp) => {
      const hook = volcengineHook('UserLeaveRoom', { RoomId: roomId, UserId: '7', Timestamp }, now)
      expect(await receive('volcengine', hook)).toMatchObject([{ kind: 'left', at }])
    },
  )

  test('an invisible user is a user', async () => {
    const hook = volcengineHook('InvisibleUserJoinRoom', { RoomId: roomId, UserId: 'spy' }, now)
    expect(await receive('volcengine', hook)).toMatchObject([{ kind: 'joined', mediaId: 'spy' }])
  })

  test('a destroyed room is nothing about the presence of a user', async () => {
    expect(await receive('volcengine', volcengineHook('RoomDestroy', { RoomId: roomId }, now))).toEqual([])
  })
})

describe('tencent', () => {
  test('a numeric room id is read as text', async () => {
    const callback = tencentReport({ ...report('joined'), roomId: '1234' }, now)
    const hook = tencentHook({ ...callback, EventInfo: { ...callback.EventInfo, RoomId: 1234 } })
    expect(await receive('tencent', hook)).toMatchObject([{ roomId: '1234' }])
  })

  test.each([
    ['a created room', { EventType: 101 }],
    ['a dismissed room, which has no user', { EventType: 102, EventInfo: { RoomId: roomId, EventTs: 1 } }],
    ['a published stream', { EventGroupId: 2, EventType: 203 }],
  ])('%s is nothing about the presence of a user', async (_what, changed) => {
    expect(await receive('tencent', tencentHook({ ...tencentReport(report('joined'), now), ...changed }))).toEqual([])
  })
})

describe('agora', () => {
  // https://docs.agora.io/en/video-calling/reference/signature-verification
  test('the signature of the documented example is accepted', async () => {
    const body =
      '{"eventType":10,"noticeId":"4eb720f0-8da7-11e9-a43e-53f411c2761f","notifyMs":1560408533119,"payload":{"a":"1","b":2},"productId":1}'
    const headers = {
      'agora-signature-v2': 'de96da5acf03b0021ac3b4fa2225e7ae6f3533a30d50bb02c08ea4fa748bda24',
    }
    const request = { headers, body: Buffer.from(body), now: new Date(1_560_408_533_119) }
    expect(await createAgoraHook('secret').receive(request)).toEqual([])
    await expect(createAgoraHook('Secret').receive(request)).rejects.toMatchObject(refused)
  })

  test.each([
    ['another product', { productId: 3 }],
    ['a destroyed channel', { eventType: 102, payload: { channelName: roomId, ts: 1 } }],
    ['a changed role', { eventType: 111 }],
    ['a recorder', { payload: { channelName: roomId, uid: 9, ts: 1, platform: 6, clientType: 10 } }],
  ])('%s is nothing about the presence of a user', async (_what, changed) => {
    expect(await receive('agora', agoraHook({ ...agoraReport(report('joined'), now), ...changed }))).toEqual([])
  })

  test.each([103, 105, 107])('event %d is a join', async (eventType) => {
    const notice = { ...agoraReport(report('joined'), now), eventType }
    expect(await receive('agora', agoraHook(notice))).toMatchObject([{ kind: 'joined', mediaId: '7' }])
  })

  test('a signed notice without the documented fields is an input error', async () => {
    await expect(receive('agora', agoraHook({ productId: 1 }))).rejects.toMatchObject({ code: 'BAD_USER_INPUT' })
  })
})
