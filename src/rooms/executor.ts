import { isDeepStrictEqual } from 'node:util'
import type { Actor } from '../core/actor.ts'
import type { Clock } from '../core/clock.ts'
import { codeOf, RtcError } from '../core/errors.ts'
import type { Tracer, TraceSpan } from '../core/tracer.ts'
import { FairBatchQueue, type Pending } from '../core/fair-batch-queue.ts'
import { canonicalUuid } from '../core/ids.ts'
import { type CommandFact, noObserver, type Observer } from '../core/observer.ts'
import type { RoomCommand } from './rules/command.ts'
import { type CreateCommand, decideCreate } from './rules/create.ts'
import { decide } from './rules/decide.ts'
import type { Accepted, AwaitedStream, Decision, RoomLimits } from './rules/decision.ts'
import { findParticipant, type Room, type RoomEvent } from './model.ts'
import { CommitQueue } from './commit-queue.ts'
import { InsertQueue } from './insert-queue.ts'
import { RoomCache } from './room-cache.ts'
import { requireRoom, type RoomStore } from './store.ts'
import { reportEvents } from './report.ts'
import { type Commit, type RoomWrites, rowsOf } from './writes.ts'

/** Executes commands on rooms. Every change of a room goes through it. */
export interface Executor {
  /** Number of rooms in the cache of this node. */
  readonly cachedRooms: number
  /** @throws RtcError NOT_FOUND */
  load(roomId: string): Promise<Room>
  /**
   * Executes the command and returns the room after it.
   *
   * @param stillWanted - called when the command's turn comes; the command is skipped when it returns false
   * @throws RtcError with the refusal's code
   */
  execute(roomId: string, command: RoomCommand, stillWanted?: () => boolean): Promise<Room>
  /**
   * Creates a room. `replayed`: an existing room is returned instead, which is the room created earlier with the same
   * idempotency key; or the room in which the callee is calling the caller, which the caller joins; or the room in which
   * the caller is already calling the callee.
   *
   * @throws RtcError with the refusal's code
   */
  create(command: CreateCommand): Promise<{ room: Room; replayed: boolean }>
}

export interface ExecutorDependencies {
  readonly store: Pick<RoomStore, 'load' | 'findByRequest' | 'callsBetween'>
  readonly writes: RoomWrites
  readonly clock: Clock
  readonly limits: RoomLimits
  /** Calls that may ring for one user at the same time; further calls end as busy. */
  readonly ringingMax: number
  /** Called after these events were committed, with the room after them. */
  publish(room: Room, events: readonly RoomEvent[]): void
  /** @default observes nothing */
  readonly observer?: Observer
  /** Absent: no spans are recorded. */
  readonly tracer?: Tracer | undefined
}

/** Conflicts with other nodes before a command fails. Each conflict means that another node has committed. */
const MAX_CONFLICTS = 1000
/** Commands that may wait for one room. */
const QUEUE = { perUser: 32, total: 1024 } as const

/** Commands on one room that are decided together and written by one statement. */
const BATCH_MAX = 64
/** A batch is split when the events of its commit have this many rows. */
const ROWS_MAX = 256

interface QueuedCommand {
  readonly command: RoomCommand
  readonly span: TraceSpan | undefined
  readonly stillWanted: () => boolean
}

type Outcome = { readonly room: Room } | { readonly error: unknown }

/** The result of deciding commands in order. A split batch has outcomes for its first commands only. */
interface DecidedBatch extends Omit<Commit, 'expectedSeq'> {
  readonly outcomes: readonly Outcome[]
}

export function createExecutor(dependencies: ExecutorDependencies): Executor {
  const { store, writes, clock, limits, ringingMax, observer = noObserver, tracer } = dependencies
  const rooms = new RoomCache()
  const commits = new CommitQueue(writes, observer)
  const inserts = new InsertQueue(writes, observer)

  const publish = (room: Room, events: readonly RoomEvent[], { commands }: { readonly commands: number }): void => {
    dependencies.publish(room, events)
    reportEvents(room, { events, commands }, observer)
  }

  const load = (givenId: string): Promise<Room> => requireRoom(givenId, store.load)

  /**
   * Decides the commands in order, each on the room after the previous one. Stops when the commit has `ROWS_MAX` rows.
   */
  const decideBatch = (before: Room, batch: readonly Pending<QueuedCommand, Room>[]): DecidedBatch => {
    let room = before
    const [events, awaited, outcomes]: [RoomEvent[], AwaitedStream[], Outcome[]] = [[], [], []]
    let rows = 0
    for (const { input } of batch) {
      try {
        if (input.stillWanted()) {
          const accepted = accept(decide(room, input.command, clock.now(), limits))
          room = accepted.room
          events.push(...causedBy(input.span, accepted.events))
          awaited.push(...accepted.awaited)
          rows += rowsOf(accepted)
        }
        outcomes.push({ room })
      } catch (error) {
        outcomes.push({ error })
      }
      if (rows >= ROWS_MAX) break
    }
    return { room, events, awaited, outcomes }
  }

  /** Decides the batch on the room and writes it; undefined on a conflict. */
  const attempt = async (
    before: Room,
    batch: readonly Pending<QueuedCommand, Room>[],
    options: { readonly alone: boolean },
  ) => {
    const decided = decideBatch(before, batch)
    if (decided.events.length > 0) {
      if (!(await commits.commit({ ...decided, expectedSeq: before.seq }, options))) return undefined
      rooms.put(decided.room)
      publish(decided.room, decided.events, { commands: decided.outcomes.length })
    }
    return decided
  }

  /** Load → decide → commit, until every command of the batch has its outcome. */
  const process = async (roomId: string, batch: readonly Pending<QueuedCommand, Room>[]): Promise<void> => {
    let rest = batch
    let known = rooms.get(roomId)
    try {
      for (let conflicts = 0; rest.length > 0;) {
        const decided = await attempt(known ?? (await load(roomId)), rest, { alone: conflicts > 0 })
        if (!decided) {
          observer.conflict?.({ roomId })
          known = undefined
          conflicts += 1
          if (conflicts === MAX_CONFLICTS) throw new RtcError('UNAVAILABLE', 'The room is too busy.', { retryAfter: 1 })
        } else if (known && decided.events.length === 0) {
          // Without a write, no `seq` check has confirmed that the cached room is current.
          known = undefined
        } else {
          settle(rest, decided.outcomes)
          rest = rest.slice(decided.outcomes.length)
          known = decided.room
        }
      }
    } catch (error) {
      rooms.delete(roomId)
      if (rest.length === 1 || error instanceof RtcError) for (const { reject } of rest) reject(error)
      // One of the commands cannot be written. Process each by itself, so that only that one fails.
      else for (const pending of rest) await process(roomId, [pending])
    }
  }

  const queue = new FairBatchQueue({ bounds: QUEUE, batchMax: BATCH_MAX, process })

  /** The room created earlier with the command's idempotency key, if any. */
  const replay = async ({ actor, room }: CreateCommand): Promise<Room | null> => {
    const { clientRequestId, requestHash } = room
    const existing = clientRequestId === null ? null : await store.findByRequest(actor.id, clientRequestId)
    if (!existing || existing.requestHash === requestHash) return existing
    throw new RtcError('IDEMPOTENCY_CONFLICT', 'This idempotency key was used for another request.')
  }

  /** Joins the caller to the callee's call when both call each other; null when that call has ended meanwhile. */
  const joinReverseCall = async (
    { actor, room, expectStream }: CreateCommand,
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
      // A passed deadline may not be committed yet. Commit it, so that the next attempt does not find this call again.
      await execute(reverseCallId, { type: 'tick' })
      return null
    }
  }

  /**
   * Returns the caller's earlier call to the same callee when it is equal. Otherwise, or when the caller's stream in it
   * was lost, supersedes the earlier call and returns null.
   */
  const reuseOrSupersede = async ({ room }: CreateCommand, earlierId: string): Promise<Room | null> => {
    const earlier = await execute(earlierId, { type: 'tick' })
    if (earlier.status !== 'ended' && isSameCall(earlier, room)) return earlier
    await execute(earlierId, { type: 'supersede' })
    return null
  }

  /** What a call to a callee who is offline returns instead of its refusal; null if there is no such room. */
  const findInstead = async (command: CreateCommand): Promise<Room | null> => {
    const replayed = await replay(command)
    const { callerId, calleeId } = command.room
    if (replayed || calleeId === null) return replayed
    const { reverseCall, earlier } = await store.callsBetween(callerId, calleeId, clock.now())
    // A reverse call that turns out to have ended is not found again.
    if (reverseCall !== null) return (await joinReverseCall(command, reverseCall)) ?? findInstead(command)
    if (earlier === null) return null
    const room = await execute(earlier, { type: 'tick' })
    return room.status !== 'ended' && isSameCall(room, command.room) ? room : null
  }

  const execute: Executor['execute'] = (givenId, command, stillWanted = () => true) => {
    const roomId = canonicalUuid(givenId)
    const actor = 'actor' in command ? command.actor : undefined
    const span = beginSpan(actor)
    const executed = queue.add(roomId, actor?.id ?? null, { command, span, stillWanted })
    if (!observer.command) return executed
    return reported(executed, { type: command.type, roomId, actor, span }, (room) => ({ outcome: 'ok', seq: room.seq }))
  }

  /** Begins the span of a command that belongs to a recorded request. */
  const beginSpan = (actor: Actor | undefined): TraceSpan | undefined =>
    actor?.context?.span && tracer?.begin('command', actor.context.span)

  /** Reports a command when it has been executed. */
  const reported = async <Result>(
    executed: Promise<Result>,
    {
      type,
      roomId,
      actor,
      span,
    }: Pick<CommandFact, 'type' | 'roomId' | 'span'> & { readonly actor: Actor | undefined },
    describe: (result: Result) => Pick<CommandFact, 'outcome' | 'seq'>,
  ): Promise<Result> => {
    const startedAt = performance.now()
    const report = ({ outcome, seq }: Pick<CommandFact, 'outcome' | 'seq'>) => {
      const duration = performance.now() - startedAt
      observer.command?.({ context: actor?.context, span, type, roomId, userId: actor?.id, seq, outcome, duration })
    }
    try {
      const result = await executed
      report(describe(result))
      return result
    } catch (error) {
      report({ outcome: codeOf(error), seq: undefined })
      throw error
    }
  }

  const create: Executor['create'] = (request) => {
    const span = beginSpan(request.actor)
    const created = createRoom(request, span)
    if (!observer.command) return created
    const { actor, room } = request
    return reported(created, { type: 'create', roomId: room.id, actor, span }, (result) => ({
      outcome: result.replayed ? 'replayed' : 'ok',
      seq: result.room.seq,
    }))
  }

  const createRoom = async (request: CreateCommand, span: TraceSpan | undefined) => {
    let command = request
    for (let conflicts = 0; conflicts < MAX_CONFLICTS; conflicts += 1) {
      const decision = decideCreate(command, clock.now(), limits)
      if (decision.kind === 'refusal' && decision.code === 'CALLEE_OFFLINE') {
        const room = await findInstead(command)
        if (room) return { room, replayed: true }
      }
      const decided = accept(decision)
      const accepted = { ...decided, events: causedBy(span, decided.events) }
      const insertion = await inserts.insert({ accepted, ringingMax: isRinging(command) ? ringingMax : null })
      if (insertion.landed) {
        rooms.put(accepted.room)
        publish(accepted.room, accepted.events, { commands: 1 })
        return { room: accepted.room, replayed: false }
      }
      const { reverseCall, earlier, busy } = insertion
      const room =
        (await replay(command)) ??
        (reverseCall === null ? null : await joinReverseCall(command, reverseCall)) ??
        (earlier === null ? null : await reuseOrSupersede(command, earlier))
      if (room) return { room, replayed: true }
      if (busy) command = { ...command, calleeIsBusy: true }
    }
    throw new RtcError('UNAVAILABLE', 'The room could not be created.', { retryAfter: 1 })
  }

  return {
    load,
    execute,
    create,
    get cachedRooms() {
      return rooms.size
    },
  }
}

const causedBy = (cause: TraceSpan | undefined, events: readonly RoomEvent[]): readonly RoomEvent[] =>
  cause ? events.map((event) => ({ ...event, cause })) : events

function settle(batch: readonly Pending<QueuedCommand, Room>[], outcomes: readonly Outcome[]): void {
  for (const [nth, outcome] of outcomes.entries()) {
    if ('room' in outcome) batch[nth]?.resolve(outcome.room)
    else batch[nth]?.reject(outcome.error)
  }
}

function accept(decision: Decision): Accepted {
  if (decision.kind === 'change') return decision
  throw new RtcError(decision.code, decision.message, { problems: decision.problems ?? [] })
}

/** Whether a p2p room rings for its callee. */
const isRinging = ({ room, calleeIsBusy, silentFor }: CreateCommand): boolean =>
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
