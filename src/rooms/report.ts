import type { Observer } from '../core/observer.ts'
import type { Room, RoomEvent } from './model.ts'

/** Reports committed events, and what they say about a call. `room` includes them; `commands` were decided with them. */
export function reportEvents(
  room: Room,
  { events, commands }: { readonly events: readonly RoomEvent[]; readonly commands: number },
  observer: Observer,
): void {
  observer.roomEvents?.({ roomId: room.id, events, commands })
  for (const { type } of events) {
    if (type === 'room_started') reportStart(room, observer)
    else if (type === 'room_ended') reportEnd(room, observer)
  }
}

function reportStart({ id: roomId, type, mediaType, createdAt, startedAt }: Room, observer: Observer): void {
  if (type !== 'p2p' || !startedAt) return
  observer.callAnswered?.({ roomId, mediaType, duration: startedAt.getTime() - createdAt.getTime() })
}

function reportEnd(room: Room, observer: Observer): void {
  const { id: roomId, type, mediaType, provider, startedAt, activeUntil, endReason, reach } = room
  observer.roomEnded?.({
    roomId,
    type,
    mediaType,
    provider,
    endReason: endReason ?? 'failed',
    reach,
    duration: startedAt && activeUntil ? activeUntil.getTime() - startedAt.getTime() : undefined,
  })
}
