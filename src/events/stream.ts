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
import { releasing } from './queue.ts'

export interface StreamRequest {
  readonly actor: Actor
  readonly roomId: string
  /** The last event that the reader has; absent: begin with a snapshot. */
  readonly after: number | undefined
  /** The device that reads; absent: whichever is in the room. */
  readonly deviceId?: string | undefined
  /** Told when the reader has fallen too far behind, right before the stream fails. */
  readonly onSlowConsumer?: (() => void) | undefined
}

export interface RoomStreams {
  /**
   * The room's events, each exactly once and in order: what lies behind the cursor from the log, then live.
   * Ends after the room's end, and for somebody removed or replaced by another device of theirs after that.
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
        const release = () => {
          subscription.close()
          lease?.release({ lost: true })
        }
        return releasing(read(sources, subscription, { request, lease }), { ...request, release })
      } catch (error) {
        lease?.release({ lost: true })
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
  { request: { actor, roomId, after, deviceId }, lease }: { request: StreamRequest; lease: Lease | undefined },
): AsyncGenerator<RoomUpdate, undefined> {
  if (after === undefined) yield snapshotOf(room, clock.now())
  else yield* backfill(events, roomId, { after, upTo: room.seq })
  if (room.status === 'ended') return
  for (;;) {
    const update = await queue.next()
    if (!update) return
    if (isLossOf(update, actor.id)) lease?.contest()
    yield update
    if (isLast(update, { userId: actor.id, deviceId })) {
      // Nobody is missed: the room is over for this viewer, or another device of theirs is in it.
      lease?.release({ lost: false })
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
