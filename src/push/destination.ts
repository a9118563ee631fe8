import { ringChangesBy, ringOf } from '../calls/ring-changes.ts'
import { changesRinging, type IncomingCallType } from '../calls/ringing.ts'
import type { Clock } from '../core/clock.ts'
import { levelOf } from '../core/failures.ts'
import { forEach } from '../core/for-each.ts'
import type { Logger } from '../core/logger.ts'
import type { Observer } from '../core/observer.ts'
import { DELIVERED, type DeliveryAttempt, type Destination } from '../delivery/destination.ts'
import type { RoomUpdate } from '../events/event.ts'
import type { Room } from '../rooms/model.ts'
import { type PushMessage, pushMessageOf } from './message.ts'
import type { PushOutcome } from './outcome.ts'
import type { PushStore, PushSubscription } from './store.ts'

interface Dependencies {
  readonly store: Pick<PushStore, 'of' | 'delete' | 'used'>
  /** Sends one message; never rejects, except when the signal is aborted. */
  send(subscription: PushSubscription, message: PushMessage, signal: AbortSignal): Promise<PushOutcome>
  load(roomId: string): Promise<Room | null>
  /** A push service has accepted that a call rings for a user. */
  reached(roomId: string, userId: string): Promise<void>
  readonly clock: Clock
  readonly log: Logger
  readonly observer: Observer
}

/** A message that one subscription has not received yet. */
interface PendingPush {
  readonly subscription: PushSubscription
  readonly message: PushMessage
  /** Milliseconds since the epoch before which the push service must not be called again. */
  notBefore: number
}

/** Rooms whose events are delivered at the same time. */
const PARALLEL = 64
/** Pushes of one event that are sent at the same time. */
const CONCURRENCY = 32
/** Milliseconds between attempts. Short, because the end of the ringing waits for the attempts to push its start. */
const RETRY_DELAY = 2_000
/** The last attempt is about a minute after the first one. A ring is given up earlier: when it no longer rings. */
const ATTEMPTS_MAX = 30
/** Events of which single pushes have failed. */
const UNFINISHED_MAX = 1_000

/**
 * Pushes the start and the end of the ringing to all subscriptions of the called user. After a failure only the pushes
 * that failed are repeated, by this node; another node that takes over repeats all, and the topic makes a repetition
 * replace the first message.
 */
export function createPushDestination(dependencies: Dependencies): Destination {
  const { store, send, load, reached, clock, log, observer } = dependencies
  const unfinished = new Map<string, readonly PendingPush[]>()

  const remember = (key: string, pushes: readonly PendingPush[]): void => {
    unfinished.set(key, pushes)
    const [oldest] = unfinished.keys()
    if (oldest !== undefined && unfinished.size > UNFINISHED_MAX) unfinished.delete(oldest)
  }

  const pushesOf = async (update: RoomUpdate, { before, next }: DeliveryAttempt): Promise<readonly PendingPush[]> => {
    const changes = new Map(ringChangesBy({ update, before, next }).map((change) => [change.callee.userId, change]))
    if (changes.size === 0) return []
    return (await store.of([...changes.keys()])).flatMap((subscription) => {
      const change = changes.get(subscription.userId)
      return change ? [{ subscription, message: pushMessageOf(update.room, change, update), notBefore: 0 }] : []
    })
  }

  /** Without those whose subscriptions were deleted, or registered by another user, since the last attempt. */
  const stillRegistered = async (pushes: readonly PendingPush[]): Promise<readonly PendingPush[]> => {
    const userIds = new Set(pushes.map(({ subscription }) => subscription.userId))
    const current = new Map((await store.of([...userIds])).map((subscription) => [subscription.id, subscription]))
    return pushes.flatMap((pending) => {
      const subscription = current.get(pending.subscription.id)
      return subscription?.userId === pending.subscription.userId ? [{ ...pending, subscription }] : []
    })
  }

  /** Without those that are too late: the message has expired, or the call no longer rings. */
  const inTime = async (pushes: readonly PendingPush[], roomId: string): Promise<readonly PendingPush[]> => {
    const now = clock.now()
    const valid = pushes.filter(({ message }) => message.until > now)
    if (!valid.some(({ message }) => isRing(message))) return valid
    const room = await load(roomId)
    return valid.filter(({ message }) => !isRing(message) || (room && stillRings(room, message)))
  }

  const attempt = async (push: PendingPush, signal: AbortSignal): Promise<PushOutcome> => {
    const now = clock.now().getTime()
    if (push.notBefore > now) return { kind: 'retry', reason: 'waits', after: push.notBefore - now }
    const { subscription, message } = push
    const outcome = await send(subscription, message, signal)
    if (outcome.kind === 'retry') push.notBefore = now + (outcome.after ?? 0)
    const { kind } = outcome
    observer.push?.({ target: subscription.target.kind, type: message.call.type, outcome: kind })
    if (kind === 'refused' || kind === 'retry') {
      log.info({ subscription: subscription.id, reason: outcome.reason }, 'a push was not accepted')
    }
    return outcome
  }

  /** @returns the pushes to repeat */
  const push = async (pushes: readonly PendingPush[], signal: AbortSignal): Promise<readonly PendingPush[]> => {
    const by = new Map<PushOutcome['kind'], PendingPush[]>()
    await forEach(pushes, { concurrency: CONCURRENCY }, async (pending) => {
      const { kind } = await attempt(pending, signal)
      by.set(kind, [...(by.get(kind) ?? []), pending])
    })
    const idsOf = (kind: PushOutcome['kind']) => (by.get(kind) ?? []).map(({ subscription }) => subscription.id)
    await store.delete(idsOf('gone'))
    await store.used(idsOf('accepted'), clock.now())
    const accepted = (by.get('accepted') ?? []).filter(({ message }) => isRing(message))
    const calls = new Map(accepted.map(({ message }) => [message.call.calleeId, message.call]))
    await forEach(calls.values(), { concurrency: CONCURRENCY }, async ({ roomId, calleeId }) => {
      // The pushes must not be repeated because of this.
      await reached(roomId, calleeId).catch((error: unknown) =>
        log[levelOf(error)]({ err: error, roomId }, 'could not record that a ring was pushed'),
      )
    })
    return by.get('retry') ?? []
  }

  return {
    id: 'push',
    kind: 'push',
    parallel: PARALLEL,
    wants: ({ type }) => changesRinging(type),
    delayAfter: (attempts) => (attempts >= ATTEMPTS_MAX ? null : RETRY_DELAY * (0.5 + Math.random() / 2)),
    async deliver(update, delivery) {
      const key = `${update.room.id}:${update.seq}`
      const failedBefore = unfinished.get(key)
      const pending = await (failedBefore ? stillRegistered(failedBefore) : pushesOf(update, delivery))
      unfinished.delete(key)
      const due = await inTime(pending, update.room.id)
      const failed = due.length > 0 ? await push(due, delivery.signal) : []
      if (failed.length === 0) return DELIVERED
      if (!delivery.isLast) remember(key, failed)
      return { kind: 'retry' }
    },
  }
}

const isRing = ({ call }: PushMessage): boolean => call.type === ('ringing' satisfies IncomingCallType)

/** Whether the ringing that the message announces has not ended. */
const stillRings = (room: Room, { call }: PushMessage): boolean =>
  ringOf(room, call.calleeId)?.toISOString() === call.deadline
