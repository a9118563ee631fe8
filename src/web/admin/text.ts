import type { RoomSummary } from './documents.ts'

/** Names a room by its people, or by its name. */
export function titleOf({ type, name, callerId, calleeId }: RoomSummary): string {
  if (type === 'P2P') return `${callerId} → ${calleeId ?? '?'}`
  return name ?? `Group of ${callerId}`
}

/** `PARTICIPANT_JOINED` → `participant joined`. */
export const words = (name: string): string => name.toLowerCase().replaceAll('_', ' ')

/** The time since then, rounded down: `45 s`, `12 min`, `3 h`, `5 d`. */
export function since(time: string, now = Date.now()): string {
  const seconds = Math.max(0, Math.floor((now - Date.parse(time)) / 1000))
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`
  return `${Math.floor(seconds / 86_400)} d`
}

/** The time of day, with the date unless it is today. */
export function clock(time: string): string {
  const date = new Date(time)
  const sameDay = date.toDateString() === new Date().toDateString()
  return sameDay ? date.toLocaleTimeString() : date.toLocaleString()
}
