import { randomInt } from 'node:crypto'
import { v7 } from 'uuid'
import type { Clock } from './clock.ts'

/**
 * Makes ids, of rooms and nodes: UUID v7 (RFC 9562), lower case, that rise with the clock's time and never fall within
 * this process, not even when the clock is set back.
 */
export function createIds(clock: Clock): () => string {
  let [msecs, seq] = [0, 0]
  return () => {
    const now = clock.now().getTime()
    // The counter starts low enough to rise for as long as a millisecond lasts: section 6.2, method 1.
    ;[msecs, seq] = now > msecs ? [now, randomInt(2 ** 31)] : [msecs, seq + 1]
    return v7({ msecs, seq })
  }
}

/** The smallest id of a time: ids made then or later are not below it. */
export function firstIdAt(time: Date): string {
  const hex = Math.max(0, time.getTime()).toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`
}

const ROOM_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** Whether a string can be the id of a room at all. Anything else names no room. */
export const isRoomId = (text: string): boolean => ROOM_ID.test(text)

/**
 * A UUID as it is written everywhere, in lower case; anything else as it is. UUIDs are case-insensitive on input
 * (RFC 9562, section 4), and some platforms, such as CallKit, write them in upper case.
 */
export const canonicalUuid = (text: string): string => (isRoomId(text.toLowerCase()) ? text.toLowerCase() : text)

/** In the database, the device of a stream that names none. */
export const NO_DEVICE = ''
