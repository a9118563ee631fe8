import type { Participant } from './model.ts'

/** Participants per chunk: what one change copies. */
const CHUNK = 64

/** The next thing that time does to a participant. */
export interface ParticipantDeadline {
  readonly kind: 'ring' | 'grace' | 'leave'
  readonly at: Date
  readonly participant: Participant
}

/** What is known of several participants without looking at each of them. */
interface Summary {
  readonly joined: number
  readonly invited: number
  /** Those whose invitation has a deadline. */
  readonly ringing: number
  readonly everJoined: boolean
  /** The first of what is due first. */
  readonly nextDeadline: ParticipantDeadline | undefined
}

/**
 * The participants of a room in the order of their ordinals, as an immutable list whose versions share what is equal: a
 * change costs about the same in a room of ten and in a room of ten thousand. Sums are kept for each chunk and worked out
 * again for the chunks that have changed.
 */
export class Participants implements Iterable<Participant> {
  readonly #chunks: readonly Chunk[]
  /**
   * Ordinals by user, shared by all versions: a user's ordinal never changes. Versions of a decision that was not
   * committed leave entries behind, so that an entry is a hint.
   */
  readonly #ordinals: Map<string, number>
  readonly length: number
  #cached: Summary | undefined

  private constructor(chunks: readonly Chunk[], ordinals: Map<string, number>, length: number) {
    this.#chunks = chunks
    this.#ordinals = ordinals
    this.length = length
  }

  /** @param participants - in the order of their ordinals, which begin with 0 and have no gap */
  static of(participants: readonly Participant[]): Participants {
    const chunks: Chunk[] = []
    for (let from = 0; from < participants.length; from += CHUNK) {
      chunks.push(new Chunk(participants.slice(from, from + CHUNK)))
    }
    const ordinals = new Map(participants.map(({ userId }, ordinal) => [userId, ordinal]))
    return new Participants(chunks, ordinals, participants.length)
  }

  /** The list with these rows in place of the earlier ones of their users, or appended. */
  with(changed: readonly Participant[]): Participants {
    if (changed.length === 0) return this
    const copies = new Map<number, Participant[]>()
    let { length } = this
    for (const row of changed) {
      const ordinal = Math.min(row.ordinal, length)
      if (ordinal === length) {
        length += 1
        this.#ordinals.set(row.userId, ordinal)
      }
      const at = Math.floor(ordinal / CHUNK)
      let copy = copies.get(at)
      if (!copy) copies.set(at, (copy = [...(this.#chunks[at]?.items ?? [])]))
      copy[ordinal % CHUNK] = row
    }
    const chunks = [...this.#chunks]
    for (const [at, copy] of copies) chunks[at] = new Chunk(copy)
    return new Participants(chunks, this.#ordinals, length)
  }

  get(userId: string): Participant | undefined {
    const ordinal = this.#ordinals.get(userId)
    if (ordinal === undefined) return undefined
    const hinted = this.at(ordinal)
    return hinted?.userId === userId ? hinted : this.find((participant) => participant.userId === userId)
  }

  at(ordinal: number): Participant | undefined {
    return this.#chunks[Math.floor(ordinal / CHUNK)]?.items[ordinal % CHUNK]
  }

  *[Symbol.iterator](): Generator<Participant, undefined> {
    for (const { items } of this.#chunks) yield* items
  }

  find(matches: (participant: Participant) => unknown): Participant | undefined {
    for (const { items } of this.#chunks) {
      const found = items.find(matches)
      if (found) return found
    }
    return undefined
  }

  filter(matches: (participant: Participant) => unknown): Participant[] {
    return this.#chunks.flatMap(({ items }) => items.filter(matches))
  }

  map<T>(transform: (participant: Participant) => T): T[] {
    return this.#chunks.flatMap(({ items }) => items.map(transform))
  }

  /** Those who hold a seat. */
  joined(): Participant[] {
    return this.#chunks.flatMap(({ items, summary }) => (summary.joined > 0 ? items.filter(isJoined) : []))
  }

  /** Those whose invitation has a deadline. */
  ringing(): Participant[] {
    return this.#chunks.flatMap(({ items, summary }) => (summary.ringing > 0 ? items.filter(isRinging) : []))
  }

  get joinedCount(): number {
    return this.#summary.joined
  }

  get invitedCount(): number {
    return this.#summary.invited
  }

  get ringingCount(): number {
    return this.#summary.ringing
  }

  /** Whether anybody has ever held a seat. */
  get everJoined(): boolean {
    return this.#summary.everJoined
  }

  /** What time does to a participant next; of what is due at the same moment, the one with the least ordinal. */
  get nextDeadline(): ParticipantDeadline | undefined {
    return this.#summary.nextDeadline
  }

  toJSON(): readonly Participant[] {
    return [...this]
  }

  get #summary(): Summary {
    return (this.#cached ??= this.#chunks.reduce<Summary>((sum, { summary }) => merge(sum, summary), EMPTY))
  }
}

class Chunk {
  readonly items: readonly Participant[]
  #cached: Summary | undefined

  constructor(items: readonly Participant[]) {
    this.items = items
  }

  get summary(): Summary {
    return (this.#cached ??= summarise(this.items))
  }
}

const EMPTY: Summary = { joined: 0, invited: 0, ringing: 0, everJoined: false, nextDeadline: undefined }

const isJoined = ({ state }: Participant): boolean => state === 'joined'
const isRinging = ({ ringsUntil }: Participant): boolean => ringsUntil !== null

const merge = (one: Summary, other: Summary): Summary => ({
  joined: one.joined + other.joined,
  invited: one.invited + other.invited,
  ringing: one.ringing + other.ringing,
  everJoined: one.everJoined || other.everJoined,
  nextDeadline:
    one.nextDeadline && !(other.nextDeadline && other.nextDeadline.at < one.nextDeadline.at)
      ? one.nextDeadline
      : other.nextDeadline,
})

function summarise(participants: readonly Participant[]): Summary {
  let [joined, invited, ringing] = [0, 0, 0]
  let everJoined = false
  let next: ParticipantDeadline | undefined
  for (const participant of participants) {
    const { state, ringsUntil, graceUntil, leavesAt, joinedAt } = participant
    if (state === 'joined') joined += 1
    else if (state === 'invited') invited += 1
    if (joinedAt) everJoined = true
    if (ringsUntil) {
      ringing += 1
      if (!next || ringsUntil < next.at) next = { kind: 'ring', at: ringsUntil, participant }
    }
    if (graceUntil && (!next || graceUntil < next.at)) next = { kind: 'grace', at: graceUntil, participant }
    if (leavesAt && (!next || leavesAt < next.at)) next = { kind: 'leave', at: leavesAt, participant }
  }
  return { joined, invited, ringing, everJoined, nextDeadline: next }
}
