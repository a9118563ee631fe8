import type { Room } from '../sdk/index.ts'
import { namesOf, type Sentence } from './sentence.ts'
import { othersIn } from './sentences.ts'

/** One call in the history, from its user's point of view. */
export interface HistoryRow {
  readonly id: string
  readonly who: Sentence
  /** The user ids to call on redial. */
  readonly others: readonly string[]
  readonly outgoing: boolean
  readonly result: string
  /** An incoming call that was not answered. */
  readonly missed: boolean
  readonly ongoing: boolean
  /** ISO 8601. */
  readonly at: string
  /** Seconds; `null` for a call that never started. */
  readonly duration: number | null
}

export function historyRow(room: Room, userId: string): HistoryRow {
  const others = othersIn(room, userId)
  const outgoing = room.callerId === userId
  const result = resultOf(room, userId, outgoing)
  return {
    id: room.id,
    who: namesOf(others),
    others,
    outgoing,
    result,
    missed: result === 'Missed',
    ongoing: room.status !== 'ended',
    at: room.createdAt,
    duration: room.duration,
  }
}

function resultOf(room: Room, userId: string, outgoing: boolean): string {
  if (room.status !== 'ended') return room.status === 'active' ? 'Going on' : 'Waiting'
  const own = room.participants.find((participant) => participant.userId === userId)
  if (own?.state === 'missed') return 'Missed'
  if (own?.state === 'rejected') return 'Declined'
  switch (room.endReason) {
    case 'cancelled':
      return outgoing ? 'Cancelled' : 'Missed'
    case 'rejected':
      return 'Declined'
    case 'busy':
      return 'Busy'
    case 'missed':
      if (!outgoing) return 'Missed'
      return room.reach === 'none' ? 'Not reached' : 'No answer'
    case 'failed':
      return 'Failed'
    case 'empty':
      return room.duration === null ? 'No answer' : 'Ended'
    default:
      return 'Ended'
  }
}

/** Formats seconds as `0:07`, `12:30` or `1:00:00`. */
export function clock(seconds: number): string {
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.floor(seconds) % 60]
  const two = (value: number) => String(value).padStart(2, '0')
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`
}
