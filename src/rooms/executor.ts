import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../core/clock.ts'
import { RtcError } from '../core/errors.ts'
import { FairQueue } from '../core/fair-queue.ts'
import { canonicalUuid, isRoomId } from '../core/ids.ts'
import type { RoomCommand } from './rules/command.ts'
import { type CreateCommand, decideCreate } from './rules/create.ts'
import { decide } from './rules/decide.ts'
import type { Accepted, Decision, RoomLimits } from './rules/decision.ts'
import { findParticipant, type Room, type RoomEvent } from './model.ts'
import type { RoomStore } from './store.ts'

/** The one way in which anything changes a room. */
export interface Executor {
  /** @throws RtcError NOT_FOUND */
  load(roomId: string): Promise<Room>
  /**
   * The room after the command.
   *
   * @param stillWanted - asked when it is the command's turn; if not, the room stays as it is
   * @throws RtcError with the refusal's code
   */
  execute(roomId: string, command: RoomCommand, stillWanted?: () => boolean): Promise<Room>
  /**
   * The new room; or the one that the same idempotency key made before; or, when the callee is calling the caller at
   * this moment, their room, which the caller then joins; or the one by which the caller calls the callee already.
   *
   * @throws RtcError with the refusal's code
   */
  create(command: CreateCommand): Promise<{ room: Room; replayed: boolean }>
}

export interface ExecutorDependencies {
  readonly store: RoomStore
  readonly clock: Clock
  readonly limits: RoomLimits
  /** Calls that may ring for one user at the same time; further ones end as busy. */
  readonly ringingMax: number
  /** Says that these events are in the log, and what the room is after them. */
  publish(room: Room, events: readonly RoomEvent[]): void
}

/** Other nodes may be faster this often before a command gives up; each time one of them has got on. */
const MAX_CONFLICTS = 1000
/** Commands that may wait for one room. */
const QUEUE = { perUser: 32, total: 1024 } as const

export function createExecutor({ store, clock, limits, ringingMax, publish }: ExecutorDependencies): Executor {
  const queue = new FairQueue(QUEUE)

  const load = async (givenId: string): Promise<Room> => {
    const roomId = canonicalUuid(givenId)
    const room = isRoomId(roomId) ? await store.load(roomId) : null
    if (!room) throw new RtcError('NOT_FOUND', 'There is no such room.')
    return room
  }

  /** Load → decide → commit; false when somebody was faster. */
  const attempt = async (roomId: string, command: RoomCommand): Promise<Room | false> => {
    const before = await load(roomId)
    const accepted = accept(decide(before, command, clock.now(), limits))
    if (accepted.events.length === 0) return accepted.room
    if (!(await store.commit(before.seq, accepted))) return false
    publish(accepted.room, accepted.events)
    return accepted.room
  }

  /** The room that the command's idempotency key has made, if it has one and was used before. */
  const replay = async ({ actor, room }: CreateCommand): Promise<Room | null> => {
    const { clientRequestId, requestHash } = room
    const made = clientRequestId === null ? null : await store.findByRequest(actor.id, clientRequestId)
    if (!made || made.requestHash === requestHash) return made
    throw new RtcError('IDEMPOTENCY_CONFLICT', 'This idempotency key was used for another request.')
  }

  /** Two who call each other mean one call; null when the other one's was over in the meantime. */
  const joinReverseCall = async (
    { actor, room, expectStream = false }: CreateCommand,
    reverseCallId: string,
  ): Promise<Room | null> => {
    const join = {
      type: 'join',
      actor: { ...actor, id: room.callerId },
      deviceId: null,
      sessionId: null,
      expectStream,
      mesh: false,
      audio: null,
      video: null,
    } as const
    try {
      return await execute(reverseCallId, join)
    } catch (error) {
      if (!(error instanceof RtcError && error.code === 'ROOM_ENDED')) throw error
      // Perhaps by a deadline that nobody has written down yet: else it would be found again and again.
      await execute(reverseCallId, { type: 'tick' })
      return null
    }
  }

  /**
   * A call to somebody for whom one of the same caller rings already is that call; null when it is another one, or when
   * the caller of the earlier one is lost: then it has given way.
   */
  const repeat = async ({ room }: CreateCommand, earlierId: string): Promise<Room | null> => {
    const earlier = await execute(earlierId, { type: 'tick' })
    if (earlier.status !== 'ended' && isSameCall(earlier, room)) return earlier
    await execute(earlierId, { type: 'supersede' })
    return null
  }

  const execute: Executor['execute'] = (roomId, command, stillWanted = () => true) =>
    queue.take(canonicalUuid(roomId), 'actor' in command ? command.actor.id : null, async () => {
      if (!stillWanted()) return load(roomId)
      for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts += 1) {
        const room = await attempt(roomId, command)
        if (room) return room
      }
      throw new RtcError('UNAVAILABLE', 'The room is too busy.', { retryAfter: 1 })
    })

  const create: Executor['create'] = async (asked) => {
    let command = asked
    for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts += 1) {
      const accepted = accept(decideCreate(command, clock.now(), limits))
      const insertion = await store.insert(accepted, rings(command) ? ringingMax : null)
      if (insertion.landed) {
        publish(accepted.room, accepted.events)
        return { room: accepted.room, replayed: false }
      }
      const { reverseCall, earlier, busy } = insertion
      const room =
        (await replay(command)) ??
        (reverseCall === null ? null : await joinReverseCall(command, reverseCall)) ??
        (earlier === null ? null : await repeat(command, earlier))
      if (room) return { room, replayed: true }
      if (busy) command = { ...command, calleeIsBusy: true }
    }
    throw new RtcError('UNAVAILABLE', 'The room could not be made.', { retryAfter: 1 })
  }

  return { load, execute, create }
}

function accept(decision: Decision): Accepted {
  if (decision.kind === 'change') return decision
  throw new RtcError(decision.code, decision.message, { problems: decision.problems ?? [] })
}

/** Whether a p2p room rings for its callee at all. */
const rings = ({ room, calleeIsBusy, silentFor }: CreateCommand): boolean =>
  !calleeIsBusy && !silentFor.has(room.calleeId ?? '')

function isSameCall(earlier: Room, room: CreateCommand['room']): boolean {
  const caller = findParticipant(earlier, room.callerId)
  const isLost = caller?.state === 'joined' && !caller.connected
  return (
    !isLost &&
    earlier.mediaType === room.mediaType &&
    earlier.provider === room.provider &&
    isDeepStrictEqual(earlier.metadata, room.metadata)
  )
}
