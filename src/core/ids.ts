import { randomInt } from 'node:crypto'
import { v7 } from 'uuid'
import type { Clock } from './clock.ts'

/**
 * Creates a generator of ids for rooms and nodes: UUID v7 (RFC 9562) in lower case, strictly increasing within the process
 * even if the clock is set back.
 */
export function createIds(clock: Clock): () => string {
  let [msecs, seq] = [0, 0]
  return () => {
    const now = clock.now().getTime()
    // The random start of the counter leaves room for increments within the millisecond: section 6.2, method 1.
    ;[msecs, seq] = now > msecs ? [now, randomInt(2 ** 31)] : [msecs, seq + 1]
    return v7({ msecs, seq })
  }
}

/** The lower bound of the ids generated at or after a time. */
export function firstIdAt(time: Date): string {
  const hex = Math.max(0, time.getTime()).toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`
}

const ROOM_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** Whether a string has the format of a room id: a UUID in lower case. */
export const isRoomId = (text: string): boolean => ROOM_ID.test(text)

/**
 * Converts a UUID to lower case and returns any other string unchanged. UUIDs are case-insensitive on input (RFC 9562,
 * section 4), and some platforms, such as CallKit, write them in upper case.
 */
export const canonicalUuid = (text: string): string => (isRoomId(text.toLowerCase()) ? text.toLowerCase() : text)

/** The database's device id of a stream that has no `deviceId`. */
export const NO_DEVICE = ''
