import type { Actor } from '../core/actor.ts'
import type { Clock } from '../core/clock.ts'
import { badInput, RtcError } from '../core/errors.ts'
import type { Lease, Leases } from '../presence/leases.ts'
import type { Executor } from '../rooms/executor.ts'
import { apply, findParticipant, type Room } from '../rooms/model.ts'
import { canRead } from '../rooms/policy.ts'
import { isLast, isLossOf, type RoomUpdate, snapshotOf, updateOf } from './event.ts'
import type { Hub, Subscription } from './hub.ts'
import { type EventLog, readAll } from './log.ts'
import { ConsumerTooSlow } from './queue.ts'

export interface StreamRequest {
  readonly actor: Actor
  readonly roomId: string
  /** The last event that the reader has; absent: begin with a snapshot. */
  readonly after: number | undefined
  /** Told when the reader has fallen too far behind, right before the stream fails. */
  readonly onSlowConsumer?: (() => void) | undefined
}

export interface RoomStreams {
  /**
   * The room's events, each exactly once and in order: what lies behind the cursor from the log, then live.
   * Ends after the room's end, and for somebody removed after their removal.
   *
   * @throws RtcError NOT_FOUND, FORBIDDEN, BAD_USER_INPUT for a cursor ahead of the room; while reading,
   * `ConsumerTooSlow` when the reader falls too far behind
   */
  open(request: StreamRequest): Promise<AsyncIterableIterator<RoomUpdate>>
}

interface Sources {
  readonly executor: Pick<Executor, 'load' | 'execute'>
  readonly leases: Leases
  readonly events: EventLog
  readonly hub: Hub
  readonly clock: Clock
}

export function createRoomStreams(sources: Sources): RoomStreams {
  return {
    async open(request) {
      const { actor, roomId, after } = request
      const room = await sources.executor.load(roomId)
      authorise(actor, room)
      if (after !== undefined && (after < 0 || after > room.seq)) {
        throw badInput([{ path: 'after', message: `must be between 0 and the room's seq, which is ${room.seq}` }])
      }
      const lease = await present(sources, actor, room)
      try {
        const subscription = await subscribe(sources, actor, room)
        return endable(read(sources, subscription, { request, lease }), { subscription, lease, request })
      } catch (error) {
        lease?.release({ roomOver: room.status === 'ended' })
        throw error
      }
    },
  }
}

/** A participant's stream proves presence: it ends the grace that a lost one has begun. */
async function present({ leases, executor }: Sources, actor: Actor, room: Room): Promise<Lease | undefined> {
  const place = findParticipant(room, actor.id)
  if (!place || room.status === 'ended') return undefined
  const lease = await leases.open({ roomId: room.id, userId: actor.id })
  if (place.state === 'joined' && !place.connected) {
    await executor.execute(room.id, { type: 'reconnect', userId: actor.id })
  }
  return lease
}

async function subscribe({ hub }: Sources, actor: Actor, { id, seq }: Room): Promise<Subscription> {
  const subscription = await hub.subscribe(id, seq)
  if (!subscription) throw new RtcError('NOT_FOUND', 'There is no such room.')
  try {
    // Somebody removed between the two reads would otherwise wait for an event that is already behind them.
    authorise(actor, subscription.room)
  } catch (error) {
    subscription.close()
    throw error
  }
  return subscription
}

function authorise(actor: Actor, room: Room): void {
  if (!canRead(actor, room)) throw new RtcError('FORBIDDEN', 'You are not a participant of this room.')
}

/** Backfill from the log → cutover at the subscription's room → live from its queue. */
async function* read(
  { events, clock }: Sources,
  { room, queue }: Subscription,
  { request: { actor, roomId, after }, lease }: { request: StreamRequest; lease: Lease | undefined },
): AsyncGenerator<RoomUpdate, undefined> {
  if (after === undefined) yield snapshotOf(room, clock.now())
  else yield* backfill(events, roomId, { after, upTo: room.seq })
  if (room.status === 'ended') return
  for (;;) {
    const update = await queue.next()
    if (!update) return
    if (isLossOf(update, actor.id)) lease?.contest()
    yield update
    if (isLast(update, actor.id)) {
      lease?.release({ roomOver: true })
      return
    }
  }
}

/** The log is folded from the room's creation, so that every update shows the room as of then. */
async function* backfill(
  events: EventLog,
  roomId: string,
  { after, upTo }: { after: number; upTo: number },
): AsyncGenerator<RoomUpdate> {
  if (after === upTo) return
  let room: Room | null = null
  for await (const event of readAll(events, roomId, { after: 0, upTo })) {
    room = apply(room, event)
    if (event.seq > after) yield updateOf(event, room)
  }
}

/** A generator that is waiting for its queue hears `return` only when the queue is closed first. */
function endable(
  updates: AsyncGenerator<RoomUpdate, undefined>,
  { subscription, lease, request }: { subscription: Subscription; lease: Lease | undefined; request: StreamRequest },
): AsyncIterableIterator<RoomUpdate> {
  const release = () => {
    subscription.close()
    lease?.release({ roomOver: false })
  }
  const iterator: AsyncIterableIterator<RoomUpdate> = {
    async next() {
      try {
        const result = await updates.next()
        if (result.done) release()
        return result
      } catch (error) {
        release()
        if (error instanceof ConsumerTooSlow) request.onSlowConsumer?.()
        throw error
      }
    },
    async return() {
      release()
      return updates.return(undefined)
    },
    [Symbol.asyncIterator]: () => iterator,
  }
  return iterator
}
