import { v7 } from 'uuid'

/** A new id, of a room or a node: UUID v7 (RFC 9562), lower case, rising with time within this process. */
export const newId = (): string => v7()

const ROOM_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** Whether a string can be the id of a room at all. Anything else names no room. */
export const isRoomId = (text: string): boolean => ROOM_ID.test(text)
