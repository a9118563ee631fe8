import type { Participant } from './model.ts'

/** Participants per chunk; a change copies one chunk. */
const CHUNK = 64

/** A deadline of one participant. */
export interface ParticipantDeadline {
  readonly kind: 'ring' | 'grace' | 'leave'
  readonly at: Date
  readonly participant: Participant
}

/** Aggregated facts about several participants. */
interface Summary {
  readonly joined: number
  readonly invited: number
  /** Participants whose invitation has a deadline. */
  readonly ringing: number
  readonly everJoined: boolean
  /** The earliest deadline; the least ordinal wins a tie. */
  readonly nextDeadline: ParticipantDeadline | undefined
}

/**
 * The participants of a room, ordered by ordinal: a persistent list whose versions share unchanged chunks, so that a
 * change costs about the same in a room of ten and in a room of ten thousand. Each chunk caches its summary; a change
 * recomputes the summaries of the changed chunks only.
 */
export class Participants implements Iterable<Participant> {
  readonly #chunks: readonly Chunk[]
  /**
   * Ordinals by user id, shared by all versions, since a user's ordinal never changes. An uncommitted decision leaves
   * its entries behind, and so does a user whose data was erased, so every entry has to be verified.
   */
  readonly #ordinals: Map<string, number>
  readonly length: number
  #cached: Summary | undefined

  private constructor(chunks: readonly Chunk[], ordinals: Map<string, number>, length: number) {
    this.#chunks = chunks
    this.#ordinals = ordinals
    this.length = length
  }

  /** @param participants - ordered by ordinal; ordinals begin with 0 and have no gap */
  static of(participants: readonly Participant[]): Participants {
    const chunks: Chunk[] = []
    for (let from = 0; from < participants.length; from += CHUNK) {
      chunks.push(new Chunk(participants.slice(from, from + CHUNK)))
    }
    const ordinals = new Map(participants.map(({ userId }, ordinal) => [userId, ordinal]))
    return new Participants(chunks, ordinals, participants.length)
  }

  /** The list with these rows, each of which replaces the row with its ordinal or is appended. */
  with(changed: readonly Participant[]): Participants {
    if (changed.length === 0) return this
    const copies = new Map<number, Participant[]>()
    let { length } = this
    for (const row of changed) {
      const ordinal = Math.min(row.ordinal, length)
      if (ordinal === length) length += 1
      // Also if a pseudonym replaces the user of an existing row.
      if (this.#ordinals.get(row.userId) !== ordinal) this.#ordinals.set(row.userId, ordinal)
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
    const candidate = this.at(ordinal)
    return candidate?.userId === userId ? candidate : this.find((participant) => participant.userId === userId)
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
    const [first, second] = this.#chunks
    if (first && !second) return first.items.map(transform)
    return this.#chunks.flatMap(({ items }) => items.map(transform))
  }

  /** Participants who hold a seat. */
  joined(): Participant[] {
    return this.#chunks.flatMap(({ items, summary }) => (summary.joined > 0 ? items.filter(isJoined) : []))
  }

  /** Participants whose invitation has a deadline. */
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

  /** Whether any participant has ever held a seat. */
  get everJoined(): boolean {
    return this.#summary.everJoined
  }

  /** The participants' earliest deadline; the least ordinal wins a tie. */
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
