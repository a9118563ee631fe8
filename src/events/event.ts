import { findParticipant, type Participant, type Room, type RoomEvent, type RoomEventType } from '../rooms/model.ts'

/** One message of a room's stream: what happened and the room as of then. */
export interface RoomUpdate {
  readonly seq: number
  readonly type: RoomEventType | 'snapshot'
  readonly at: Date
  readonly actorId: string | null
  /** Whom it happened to, as of then; null for the room itself, and for very many at once. */
  readonly participant: Participant | null
  /** The users whom it happened to, also when they are very many. */
  readonly participantIds: readonly string[]
  readonly room: Room
}

/** The users whom an event happened to: its subject; or, where very many share one event, all whose rows it changed. */
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

/** Whether an update reports the viewer's own stream as lost: time did it, and not the viewer. */
export const isLossOf = (update: RoomUpdate, viewerId: string): boolean =>
  update.type === 'participant_disconnected' && update.participant?.userId === viewerId && update.actorId === null

/** Whose stream it is. */
export interface Viewer {
  readonly userId: string
  /** Absent: the stream belongs to whichever device of theirs is in the room. */
  readonly deviceId?: string | undefined
}

/** What decides whether an update is a stream's last. */
interface Ending extends Pick<RoomUpdate, 'type' | 'participant'> {
  readonly room: Pick<Room, 'status'>
}

/** Whether a viewer's stream is over after this update: the room's end, their removal, another device in their place. */
export function isLast({ type, room, participant }: Ending, { userId, deviceId }: Viewer): boolean {
  if (room.status === 'ended') return true
  if (participant?.userId !== userId) return false
  const replaced = type === 'participant_left' && participant.leaveReason === 'replaced'
  return type === 'participant_removed' || (replaced && (deviceId ?? participant.deviceId) === participant.deviceId)
}
