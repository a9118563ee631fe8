import { isRinging } from '../calls/ringing.ts'
import type { Clock } from '../core/clock.ts'
import { levelOf } from '../core/failures.ts'
import type { Logger } from '../core/logger.ts'
import { DELIVERED, type DeliveryAttempt, type DeliveryOutcome, type Destination } from '../delivery/destination.ts'
import type { RoomUpdate } from '../events/event.ts'
import { type OnlineHint, type WukongimClient, WukongimError } from './client.ts'
import { isTold, messagesOf, type WukongMessage } from './message.ts'
import type { Room } from '../rooms/model.ts'

interface Dependencies {
  readonly client: Pick<WukongimClient, 'send'>
  readonly onlineHint: OnlineHint
  load(roomId: string): Promise<Room | null>
  /** A ring was accepted for a user who seems to be online. */
  reached(roomId: string, userId: string): Promise<void>
  readonly clock: Clock
  readonly log: Logger
}

/** Refusals of a message, over about ten minutes, until it is skipped. A WukongIM that is away is tried without end. */
const REFUSALS_MAX = 12
/** Messages whose refusals are counted. */
const REFUSED_MAX = 10_000
/** Milliseconds after which an event is skipped, as when WukongIM was not configured for long. */
const AGE_MAX = 2 * 86_400_000
/** Milliseconds after which the room is read again before it rings, as before a repeated attempt. */
const FRESH = 2_000

/** WukongIM as a receiver of events. */
export function createWukongimDestination(dependencies: Dependencies): Destination {
  const { client, onlineHint, load, reached, clock, log } = dependencies
  const ageOf = ({ at }: RoomUpdate): number => clock.now().getTime() - at.getTime()

  /** A phone must not ring for a call that is over, however late the message is. */
  const isOver = async ({ deadline, to }: WukongMessage, update: RoomUpdate, attempt: number): Promise<boolean> => {
    if (!deadline) return false
    if (deadline <= clock.now()) return true
    if (attempt === 1 && ageOf(update) < FRESH) return false
    const room = await load(update.room.id)
    return !room || ![to].flat().some((userId) => isRinging(room, userId))
  }

  /** Reports how far a ring got; nothing else depends on it. */
  const reportReach = async ({ to }: WukongMessage, { room }: RoomUpdate): Promise<void> => {
    for (const userId of await onlineHint([to].flat())) {
      try {
        await reached(room.id, userId)
      } catch (error) {
        log[levelOf(error)]({ err: error, roomId: room.id }, 'could not record the reach of a ring')
      }
    }
  }

  /** The refusals of each message; attempts while WukongIM was away are none. */
  const refusals = new Map<string, number>()

  /** @returns whether the message is to be skipped */
  const countRefusal = ({ clientMsgNo }: WukongMessage): boolean => {
    const count = (refusals.get(clientMsgNo) ?? 0) + 1
    refusals.set(clientMsgNo, count)
    const [oldest] = refusals.keys()
    if (oldest !== undefined && refusals.size > REFUSED_MAX) refusals.delete(oldest)
    return count >= REFUSALS_MAX
  }

  const send = async (
    message: WukongMessage,
    update: RoomUpdate,
    { number, signal }: DeliveryAttempt,
  ): Promise<'sent' | 'skipped' | 'failed'> => {
    try {
      await client.send(message, signal)
      return 'sent'
    } catch (error) {
      if (!(error instanceof WukongimError)) throw error
      const { message: reason, refused } = error
      const { room, seq, type: event } = update
      log.warn({ roomId: room.id, seq, event, attempt: number, reason }, 'a message to WukongIM failed')
      return refused && countRefusal(message) ? 'skipped' : 'failed'
    }
  }

  return {
    id: 'wukongim',
    kind: 'wukongim',
    wants: ({ type }) => isTold(type),
    async deliver(update, attempt) {
      if (ageOf(update) > AGE_MAX) return DELIVERED
      const { before, next, number } = attempt
      const messages = messagesOf({ update, before, next })
      let outcome: DeliveryOutcome = DELIVERED
      for (const message of messages) {
        if (await isOver(message, update, number)) continue
        const result = await send(message, update, attempt)
        if (result === 'failed') return { kind: 'retry' }
        // The messages after it are sent all the same, such as the record of the call.
        if (result === 'skipped') outcome = { kind: 'given up' }
        else if (message.deadline) await reportReach(message, update)
      }
      for (const { clientMsgNo } of messages) refusals.delete(clientMsgNo)
      return outcome
    },
  }
}
