import { createHmac } from 'node:crypto'
import { z } from 'zod'
import { parseInput } from '../../core/input.ts'
import { text } from '../../core/variable.ts'
import { define } from '../providers/provider.ts'
import { type Hook, type MediaEvent, parseHook, requireRecent, requireSignature, timeAt } from './hook.ts'

/** The product "real-time communication"; others notify the same address. */
const RTC = 1
/** As broadcaster, as audience, in the communication mode. */
const JOINED = new Set([103, 105, 107])
const LEFT = new Set([104, 106, 108])
/** The connection timed out. */
const TIMED_OUT = 2
/** A recorder or another service of Agora's on Linux has a client type. It is no user. */
const LINUX = 6

const Notice = z.looseObject({ productId: z.number(), eventType: z.number(), notifyMs: z.number() })
const Presence = z.looseObject({
  payload: z.looseObject({
    channelName: z.string(),
    uid: z.int(),
    /** Seconds. */
    ts: z.number(),
    clientSeq: z.int().optional(),
    platform: z.number().optional(),
    clientType: z.number().optional(),
    reason: z.number().optional(),
  }),
})

/** Agora's notifications of channel events: https://docs.agora.io/en/api-reference/api-ref/rtc/channel-event-types */
export const createAgoraHook = (secret: string): Hook => ({
  reply: '{}',
  async receive({ headers, body, now }) {
    requireSignature(headers['agora-signature-v2'], createHmac('sha256', secret).update(body).digest('hex'))
    const notice = parseHook(body.toString())
    const { productId, eventType, notifyMs } = parseInput(Notice, notice)
    requireRecent(new Date(notifyMs), now)
    return productId === RTC && (JOINED.has(eventType) || LEFT.has(eventType)) ? presence(eventType, notice) : []
  },
})

function presence(eventType: number, notice: unknown): readonly MediaEvent[] {
  const { channelName, uid, ts, clientSeq, platform, clientType, reason } = parseInput(Presence, notice).payload
  if (platform === LINUX && clientType !== undefined) return []
  const at = timeAt(ts * 1000)
  return [
    {
      kind: JOINED.has(eventType) ? 'joined' : reason === TIMED_OUT ? 'lost' : 'left',
      roomId: channelName,
      mediaId: String(uid),
      position: clientSeq ?? at.getTime(),
      stay: null,
      at,
    },
  ]
}

export const agoraHook = define({
  variables: { AGORA_WEBHOOK_SECRET: text },
  secrets: ['AGORA_WEBHOOK_SECRET'],
  create: (settings): Hook => createAgoraHook(settings.AGORA_WEBHOOK_SECRET),
})
