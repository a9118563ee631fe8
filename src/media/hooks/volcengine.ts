import { createHash } from 'node:crypto'
import { z } from 'zod'
import { parseInput } from '../../core/input.ts'
import { text } from '../../core/variable.ts'
import { define } from '../providers/provider.ts'
import {
  type Hook,
  type MediaEvent,
  parseHook,
  requireRecent,
  requireSignature,
  timeOf,
  unauthenticated,
} from './hook.ts'

/** An invisible user hears and sees the others like any other user. */
const JOINED = new Set(['UserJoinRoom', 'InvisibleUserJoinRoom'])
const LEFT = new Set(['UserLeaveRoom', 'InvisibleUserLeaveRoom'])
const CONNECTION_LOST = 'connectionLost'

const Signed = z.looseObject({
  EventType: z.string(),
  /** JSON, which is read only after the signature has been verified. */
  EventData: z.string(),
  EventTime: z.string(),
  EventId: z.string(),
  AppId: z.string(),
  Version: z.string(),
  Signature: z.string(),
  /** BytePlus spells it `Noce`. */
  Nonce: z.string().optional(),
  Noce: z.string().optional(),
})
const Presence = z.looseObject({
  RoomId: z.string(),
  UserId: z.string(),
  Timestamp: z.union([z.number(), z.string().regex(/^\d+$/).transform(Number)]).optional(),
  Reason: z.string().optional(),
})

/**
 * Volcengine RTC's callbacks: https://www.volcengine.com/docs/6348/69820
 *
 * The signature covers the values of the body, so the body's outer object is parsed to verify it; the event inside of it is
 * parsed afterwards.
 */
export const createVolcengineHook = (secret: string): Hook => ({
  reply: '{}',
  async receive({ body, now }) {
    const { data: callback } = Signed.safeParse(parseSigned(body))
    if (!callback) throw unauthenticated('The signature, or a value that it covers, is missing.')
    requireSignature(callback.Signature.toLowerCase(), signatureOf(callback, secret))
    const { EventType: type, EventData: data, EventTime: time } = callback
    const sentAt = new Date(time)
    if (!Number.isNaN(sentAt.getTime())) requireRecent(sentAt, now)
    return JOINED.has(type) || LEFT.has(type) ? presence(type, { data, sentAt }) : []
  },
})

function parseSigned(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString())
  } catch {
    throw unauthenticated('The body has no signature.')
  }
}

/** SHA-256 of the values and the secret, sorted by their bytes and joined. */
function signatureOf(callback: z.output<typeof Signed>, secret: string): string {
  const { EventType, EventData, EventTime, EventId, AppId, Version, Nonce, Noce } = callback
  const values = [EventType, EventData, EventTime, EventId, AppId, Version, Nonce ?? Noce ?? '', secret]
  const sorted = values.map((value) => Buffer.from(value)).toSorted(Buffer.compare)
  return createHash('sha256').update(Buffer.concat(sorted)).digest('hex')
}

function presence(type: string, { data, sentAt }: { data: string; sentAt: Date }): readonly MediaEvent[] {
  const { RoomId, UserId, Timestamp, Reason } = parseInput(Presence, parseHook(data))
  const at = Timestamp === undefined ? sentAt : timeOf(Timestamp)
  if (Number.isNaN(at.getTime())) return []
  return [
    {
      kind: JOINED.has(type) ? 'joined' : Reason === CONNECTION_LOST ? 'lost' : 'left',
      roomId: RoomId,
      mediaId: UserId,
      position: at.getTime(),
      stay: null,
      at,
    },
  ]
}

export const volcengineHook = define({
  variables: { VOLCENGINE_WEBHOOK_SECRET: text },
  secrets: ['VOLCENGINE_WEBHOOK_SECRET'],
  create: (settings): Hook => createVolcengineHook(settings.VOLCENGINE_WEBHOOK_SECRET),
})
