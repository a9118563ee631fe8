import type { ParticipantDeadline } from '../participants.ts'
import type { Accepted, AwaitedStream } from './decision.ts'
import {
  apply,
  type Change,
  findParticipant,
  type Participant,
  type Room,
  type RoomEvent,
  type RoomEventType,
  type RoomFields,
} from '../model.ts'

/** A deadline of a room. */
export type Deadline =
  | { readonly kind: 'expiry'; readonly at: Date }
  | { readonly kind: 'empty'; readonly at: Date }
  | ParticipantDeadline

/** The time that is `seconds` after `now`. */
export const later = (now: Date, seconds: number): Date => new Date(now.getTime() + seconds * 1000)

/** Up to this many simultaneous changes of participants get one event each; more share one event. */
export const SEPARATE_EVENTS_MAX = 8

/** Collects the events of one decision and applies them to the room. */
export class Draft {
  readonly #events: RoomEvent[] = []
  readonly #awaited: AwaitedStream[] = []
  #room: Room | null
  readonly now: Date

  constructor(room: Room | null, now: Date) {
    this.#room = room
    this.now = now
  }

  /** The room after the last event. */
  get room(): Room {
    if (!this.#room) throw new TypeError('the room has not been created yet')
    return this.#room
  }

  /** @throws TypeError when the user is not a participant, which the policy rules out */
  participantOf(userId: string): Participant {
    const participant = findParticipant(this.room, userId)
    if (!participant) throw new TypeError('not a participant: the policy should have refused the command')
    return participant
  }

  emit(type: RoomEventType, actorId: string | null, data: Change, subjectId: string | null = null): void {
    const roomId = this.#room?.id ?? data.room?.id
    if (!roomId) throw new TypeError('room_created must contain the room id')
    const seq = (this.#room?.seq ?? 0) + 1
    this.#append({ roomId, seq, type, actorId, subjectId, data, at: this.now })
  }

  /**
   * Emits a simultaneous change of several participants, given as their new rows: one event each, or a single event for
   * more than `SEPARATE_EVENTS_MAX` rows, so that the cost of delivery in a large room does not grow quadratically.
   */
  emitForEach(
    type: RoomEventType,
    actorId: string | null,
    { rows, room = {} }: { rows: readonly Participant[]; room?: Partial<RoomFields> },
  ): void {
    if (rows.length > SEPARATE_EVENTS_MAX) this.emit(type, actorId, { room, participants: rows })
    else for (const row of rows) this.emit(type, actorId, { room, participants: [row] }, row.userId)
  }

  /** Registers the announced stream of a session that begins now. */
  awaitStream(stream: Pick<AwaitedStream, 'userId' | 'deviceId' | 'sessionId' | 'until'>): void {
    this.#awaited.push({ ...stream, roomId: this.room.id, since: this.now })
  }

  /** The earliest deadline, if it has passed. */
  firstPassed(): Deadline | undefined {
    const first = nextDeadline(this.room)
    return first && first.at <= this.now ? first : undefined
  }

  /** The decision: the last event also carries the room's next deadline. */
  finish(): Accepted {
    const last = this.#events.pop()
    if (last) {
      const deadlineAt = nextDeadline(this.room)?.at ?? null
      this.#append({ ...last, data: { ...last.data, room: { ...last.data.room, deadlineAt } } })
    }
    return { kind: 'change', room: this.room, events: this.#events, awaited: this.#awaited }
  }

  #append(event: RoomEvent): void {
    this.#events.push(event)
    this.#room = apply(this.#room, event)
  }
}

function nextDeadline(room: Room): Deadline | undefined {
  if (room.status === 'ended') return undefined
  let first: Deadline = { kind: 'expiry', at: room.expiresAt }
  if (room.emptyAt && room.emptyAt < first.at) first = { kind: 'empty', at: room.emptyAt }
  const { nextDeadline: ofParticipants } = room.participants
  if (ofParticipants && ofParticipants.at < first.at) first = ofParticipants
  return first
}
