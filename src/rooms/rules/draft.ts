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

/** Something that time will do to a room. */
export type Deadline =
  | { readonly kind: 'expiry'; readonly at: Date }
  | { readonly kind: 'empty'; readonly at: Date }
  | ParticipantDeadline

/** The time a number of seconds after another. */
export const later = (now: Date, seconds: number): Date => new Date(now.getTime() + seconds * 1000)

/** So many participants to whom the same happens at the same moment have an event each. */
export const SEPARATE_EVENTS_MAX = 8

/** Collects the events of one decision and shows the room as they change it. */
export class Draft {
  readonly #events: RoomEvent[] = []
  readonly #awaited: AwaitedStream[] = []
  #room: Room | null
  readonly now: Date

  constructor(room: Room | null, now: Date) {
    this.#room = room
    this.now = now
  }

  /** The room as of the last event. */
  get room(): Room {
    if (!this.#room) throw new TypeError('the room has not been created yet')
    return this.#room
  }

  /** The row of somebody who has a place in the room. */
  participantOf(userId: string): Participant {
    const participant = findParticipant(this.room, userId)
    if (!participant) throw new TypeError('the policy refuses whoever has no place in the room')
    return participant
  }

  emit(type: RoomEventType, actorId: string | null, data: Change, subjectId: string | null = null): void {
    const roomId = this.#room?.id ?? data.room?.id
    if (!roomId) throw new TypeError('room_created must carry the id')
    const seq = (this.#room?.seq ?? 0) + 1
    this.#append({ roomId, seq, type, actorId, subjectId, data, at: this.now })
  }

  /**
   * Emits what happens to several participants at the same moment, given as their rows: an event each; or, of very many,
   * one for all of them, so that what a large room costs grows with what changes and not with its square.
   */
  emitForEach(
    type: RoomEventType,
    actorId: string | null,
    { rows, room = {} }: { rows: readonly Participant[]; room?: Partial<RoomFields> },
  ): void {
    if (rows.length > SEPARATE_EVENTS_MAX) this.emit(type, actorId, { room, participants: rows })
    else for (const row of rows) this.emit(type, actorId, { room, participants: [row] }, row.userId)
  }

  /** Expects the stream of a session that begins now. */
  awaitStream(stream: Pick<AwaitedStream, 'userId' | 'deviceId' | 'sessionId' | 'until'>): void {
    this.#awaited.push({ ...stream, roomId: this.room.id, since: this.now })
  }

  /** The deadline that fell due first, if one has. */
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
  const ofParticipants = room.participants.nextDeadline
  if (ofParticipants && ofParticipants.at < first.at) first = ofParticipants
  return first
}
