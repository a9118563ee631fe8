import type { TraceSpan } from '../core/tracer.ts'
import { findParticipant, type Participant, type Room, type RoomEvent, type RoomEventType } from '../rooms/model.ts'

/** One message of a room's stream: an event, or a snapshot, with the room as of that event. */
export interface RoomUpdate {
  readonly seq: number
  readonly type: RoomEventType | 'snapshot'
  readonly at: Date
  readonly actorId: string | null
  /** The subject as of this event; null if the subject is the room or several participants. */
  readonly participant: Participant | null
  /** The users affected by the event, also if there are several. */
  readonly participantIds: readonly string[]
  readonly room: Room
  /** The span of the command that caused the event, if this node executed it. */
  readonly cause?: TraceSpan | undefined
}

/** The users affected by an event: its subject or, if several share the event, all participants it changed. */
export function subjectsOf({ type, subjectId, data }: RoomEvent): readonly string[] {
  if (subjectId !== null) return [subjectId]
  return type.startsWith('participant_') ? (data.participants ?? []).map(({ userId }) => userId) : []
}

export const updateOf = (event: RoomEvent, room: Room): RoomUpdate => ({
  seq: event.seq,
  type: event.type,
  at: event.at,
  actorId: event.actorId,
  participant: (event.subjectId !== null && findParticipant(room, event.subjectId)) || null,
  participantIds: subjectsOf(event),
  room,
  ...(event.cause && { cause: event.cause }),
})

export const snapshotOf = (room: Room, at: Date): RoomUpdate => ({
  seq: room.seq,
  type: 'snapshot',
  at,
  actorId: null,
  participant: null,
  participantIds: [],
  room,
})

/** Whether an update reports that the gateway, not the user, disconnected the viewer. */
export const isDisconnectOf = (update: RoomUpdate, viewerId: string): boolean =>
  update.type === 'participant_disconnected' && update.participant?.userId === viewerId && update.actorId === null

/** Events that {@link isDisconnectOf} or {@link isLast} looks for, apart from the end of the room. */
const OF_VIEWERS: ReadonlySet<RoomUpdate['type']> = new Set([
  'participant_disconnected',
  'participant_left',
  'participant_removed',
])

/** Whether an update may be the last one of some viewer's stream, or report that a viewer is disconnected. */
export const mayConcernViewer = ({ type, room }: RoomUpdate): boolean => room.status === 'ended' || OF_VIEWERS.has(type)

/** The user, and optionally the device, that a stream belongs to. */
export interface Viewer {
  readonly userId: string
  /** Absent if the stream belongs to whichever device of the user has joined. */
  readonly deviceId?: string | undefined
}

/** The fields of an update that decide whether it is a stream's last one. */
interface Ending extends Pick<RoomUpdate, 'type' | 'participant'> {
  readonly room: Pick<Room, 'status'>
}

/** Whether this update ends the viewer's stream: the room ended, or the viewer was removed or replaced by another device. */
export function isLast({ type, room, participant }: Ending, { userId, deviceId }: Viewer): boolean {
  if (room.status === 'ended') return true
  if (participant?.userId !== userId) return false
  const replaced = type === 'participant_left' && participant.leaveReason === 'replaced'
  return type === 'participant_removed' || (replaced && (deviceId ?? participant.deviceId) === participant.deviceId)
}
