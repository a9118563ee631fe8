import { createHash, createHmac } from 'node:crypto'
import { SignJWT } from 'jose'
import type { MediaService } from '../../../src/media/providers.ts'

/**
 * Webhooks as the media services send them. The signatures are computed here from the services' documents, independently of
 * the gateway.
 */

export const HOOK_KEYS = {
  livekit: { LIVEKIT_WEBHOOK_API_KEY: 'APIhook', LIVEKIT_WEBHOOK_API_SECRET: 'the secret of LiveKit webhooks' },
  volcengine: { VOLCENGINE_WEBHOOK_SECRET: 'the secret of Volcengine callbacks' },
  tencent: { TENCENT_WEBHOOK_KEY: '0123456789abcdefABCDEF' },
  agora: { AGORA_WEBHOOK_SECRET: 'the secret of Agora notifications' },
} as const

/** What the service reports; the same for all services. */
export interface Report {
  readonly kind: 'joined' | 'left' | 'lost'
  readonly roomId: string
  /** The user id, or the uid for Agora. */
  readonly mediaId: string
  readonly at: Date
  /** LiveKit's stay. @default one that begins at `at` */
  readonly stay?: { readonly id: string; readonly since: Date }
}

export interface SignedHook {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** @param sentAt - when the service sends the request. @default the time of the report */
export async function signed(service: MediaService, report: Report, sentAt = report.at): Promise<SignedHook> {
  switch (service) {
    case 'livekit':
      return livekitHook(livekitReport(report))
    case 'volcengine':
      return volcengineHook(...volcengineReport(report), sentAt)
    case 'tencent':
      return tencentHook(tencentReport(report, sentAt))
    case 'agora':
      return agoraHook(agoraReport(report, sentAt))
    default:
      return service satisfies never
  }
}

const seconds = (time: Date): number => Math.floor(time.getTime() / 1000)

export async function livekitHook(
  event: object,
  { key, secret, exp = '5m' }: { key?: string; secret?: string; exp?: string } = {},
): Promise<SignedHook> {
  const body = JSON.stringify(event)
  const sha256 = createHash('sha256').update(body).digest('base64')
  const { LIVEKIT_WEBHOOK_API_KEY: apiKey, LIVEKIT_WEBHOOK_API_SECRET: apiSecret } = HOOK_KEYS.livekit
  const token = new SignJWT({ sha256 })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer(key ?? apiKey)
    .setExpirationTime(exp)
  const authorization = await token.sign(new TextEncoder().encode(secret ?? apiSecret))
  return { body, headers: { authorization, 'content-type': 'application/webhook+json' } }
}

export const livekitReport = ({ kind, roomId, mediaId, at, stay }: Report) => ({
  event: kind === 'joined' ? 'participant_joined' : 'participant_left',
  id: `EV_${mediaId}_${at.getTime()}`,
  // Protobuf's JSON has 64-bit numbers as strings.
  createdAt: String(seconds(at)),
  room: { sid: 'RM_1', name: roomId },
  participant: {
    sid: stay?.id ?? `PA_${at.getTime()}`,
    identity: mediaId,
    state: kind === 'joined' ? 'ACTIVE' : 'DISCONNECTED',
    joinedAt: String(seconds(stay?.since ?? at)),
    joinedAtMs: String((stay?.since ?? at).getTime()),
    ...(kind === 'left' && { disconnectReason: 'CLIENT_INITIATED' }),
    ...(kind === 'lost' && { disconnectReason: 'CONNECTION_TIMEOUT' }),
  },
})

export function volcengineHook(
  type: string,
  data: object,
  sentAt: Date,
  { secret, nonce = 'Nonce' }: { secret?: string; nonce?: string } = {},
): SignedHook {
  const values = {
    EventType: type,
    EventData: JSON.stringify(data),
    EventTime: sentAt.toISOString(),
    EventId: `${type}-${sentAt.getTime()}`,
    AppId: '0123456789abcdef01234567',
    Version: '2020-12-01',
    [nonce]: 'Zä4z',
  }
  const all = [...Object.values(values), secret ?? HOOK_KEYS.volcengine.VOLCENGINE_WEBHOOK_SECRET]
  // Go sorts strings by their bytes, as hexadecimal text does.
  const sorted = all.map((value) => Buffer.from(value).toString('hex')).toSorted((a, b) => (a < b ? -1 : 1))
  const text = Buffer.from(sorted.join(''), 'hex')
  const Signature = createHash('sha256').update(text).digest('hex')
  return { body: JSON.stringify({ ...values, Signature }), headers: { 'content-type': 'application/json' } }
}

const volcengineReport = ({ kind, roomId, mediaId, at }: Report): [type: string, data: object] => [
  kind === 'joined' ? 'UserJoinRoom' : 'UserLeaveRoom',
  {
    RoomId: roomId,
    UserId: mediaId,
    DeviceType: 'web',
    Timestamp: at.getTime(),
    ...(kind === 'left' && { Reason: 'userLeave' }),
    ...(kind === 'lost' && { Reason: 'connectionLost' }),
  },
]

export function tencentHook(callback: object, key: string = HOOK_KEYS.tencent.TENCENT_WEBHOOK_KEY): SignedHook {
  // The service indents with tabs: the signature covers these bytes.
  const body = JSON.stringify(callback, null, '\t')
  const sign = createHmac('sha256', key).update(body).digest('base64')
  return { body, headers: { sign, sdkappid: '1400000000', 'content-type': 'application/json' } }
}

export const tencentReport = ({ kind, roomId, mediaId, at }: Report, sentAt: Date) => ({
  EventGroupId: 1,
  EventType: kind === 'joined' ? 103 : 104,
  CallbackTs: sentAt.getTime(),
  EventInfo: {
    RoomId: roomId,
    EventTs: seconds(at),
    EventMsTs: at.getTime(),
    UserId: mediaId,
    Role: 20,
    TerminalType: 2,
    UserType: 3,
    Reason: kind === 'lost' ? 2 : 1,
  },
})

export function agoraHook(notice: object, secret: string = HOOK_KEYS.agora.AGORA_WEBHOOK_SECRET): SignedHook {
  const body = JSON.stringify(notice)
  const sign = (algorithm: string) => createHmac(algorithm, secret).update(body).digest('hex')
  const headers = { 'agora-signature': sign('sha1'), 'agora-signature-v2': sign('sha256') }
  return { body, headers: { ...headers, 'content-type': 'application/json' } }
}

export const agoraReport = ({ kind, roomId, mediaId, at }: Report, sentAt: Date) => ({
  sid: 'C866467GVJJ54687',
  noticeId: `2000001428:${mediaId}:${at.getTime()}`,
  productId: 1,
  eventType: kind === 'joined' ? 107 : 108,
  notifyMs: sentAt.getTime(),
  payload: {
    channelName: roomId,
    ts: seconds(at),
    uid: Number(mediaId),
    platform: 7,
    clientSeq: at.getTime(),
    ...(kind === 'left' && { reason: 1 }),
    ...(kind === 'lost' && { reason: 2 }),
  },
})
