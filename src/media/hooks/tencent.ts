import { createHmac } from 'node:crypto'
import { z } from 'zod'
import { parseInput } from '../../core/input.ts'
import { text } from '../../core/variable.ts'
import { define } from '../providers/provider.ts'
import { type Hook, type MediaEvent, parseHook, requireRecent, requireSignature, timeAt } from './hook.ts'

const ROOM_EVENTS = 1
const ENTERED = 103
const EXITED = 104
/** The connection timed out. */
const TIMED_OUT = 2

const Callback = z.looseObject({ EventGroupId: z.number(), EventType: z.number(), CallbackTs: z.number() })
const Presence = z.looseObject({
  EventInfo: z.looseObject({
    RoomId: z.union([z.string(), z.number()]),
    UserId: z.string(),
    /** Seconds. */
    EventTs: z.number(),
    EventMsTs: z.number().optional(),
    Reason: z.number().optional(),
  }),
})

/**
 * Tencent RTC's room callbacks: https://trtc.io/document/39558
 *
 * They have no id: the room, the user, the type and the time of an event identify it.
 */
export const createTencentHook = (key: string): Hook => ({
  reply: '{"code":0}',
  async receive({ headers, body, now }) {
    requireSignature(headers['sign'], createHmac('sha256', key).update(body).digest('base64'))
    const callback = parseHook(body.toString())
    const { EventGroupId: group, EventType: type, CallbackTs: sentAt } = parseInput(Callback, callback)
    requireRecent(new Date(sentAt), now)
    return group === ROOM_EVENTS && (type === ENTERED || type === EXITED) ? presence(type, callback) : []
  },
})

function presence(type: number, callback: unknown): readonly MediaEvent[] {
  const { RoomId, UserId, EventTs, EventMsTs, Reason } = parseInput(Presence, callback).EventInfo
  const at = timeAt(EventMsTs ?? EventTs * 1000)
  return [
    {
      kind: type === ENTERED ? 'joined' : Reason === TIMED_OUT ? 'lost' : 'left',
      roomId: String(RoomId),
      mediaId: UserId,
      position: at.getTime(),
      stay: null,
      at,
    },
  ]
}

export const tencentHook = define({
  variables: { TENCENT_WEBHOOK_KEY: text.regex(/^[0-9A-Za-z]{1,32}$/, 'must have at most 32 letters and digits') },
  secrets: ['TENCENT_WEBHOOK_KEY'],
  create: (settings): Hook => createTencentHook(settings.TENCENT_WEBHOOK_KEY),
})
