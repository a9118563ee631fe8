import { findParticipant, type Participant, type Room, type RoomEvent, type RoomEventType } from '../rooms/model.ts'

/** One message of a room's stream: what happened and the room as of then. */
export interface RoomUpdate {
  readonly seq: number
  readonly type: RoomEventType | 'snapshot'
  readonly at: Date
  readonly actorId: string | null
  /** Whom it happened to, as of then; null for the room itself. */
  readonly participant: Participant | null
  readonly room: Room
}

export const updateOf = (event: RoomEvent, room: Room): RoomUpdate => ({
  seq: event.seq,
  type: event.type,
  at: event.at,
  actorId: event.actorId,
  participant: (event.subjectId !== null && findParticipant(room, event.subjectId)) || null,
  room,
})

export const snapshotOf = (room: Room, at: Date): RoomUpdate => ({
  seq: room.seq,
  type: 'snapshot',
  at,
  actorId: null,
  participant: null,
  room,
})

/** Whether an update says that the viewer's own stream was lost. */
export const isLossOf = (update: RoomUpdate, viewerId: string): boolean =>
  update.type === 'participant_disconnected' && update.participant?.userId === viewerId

/** Whether a viewer's stream is over after this update. */
export const isLast = (update: RoomUpdate, viewerId: string): boolean =>
  update.room.status === 'ended' || (update.type === 'participant_removed' && update.participant?.userId === viewerId)
