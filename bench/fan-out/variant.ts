import { type RoomUpdate, updateOf } from '../../src/events/event.ts'
import { apply, newParticipant, type Participant, type Room, type RoomEvent } from '../../src/rooms/model.ts'
import { Participants } from '../../src/rooms/participants.ts'

/** A server under test. It runs in its own process, controlled by IPC. Subscribers are distributed over the rooms. */
export interface Variant {
  /** The address for subscribers: `ws://127.0.0.1:port/path`. */
  readonly url: string
  /** Whether every new subscriber first receives a snapshot. */
  readonly sendsSnapshot: boolean
  /** The messages that a subscriber sends after the handshake, given the connection's number. */
  hello(index: number): Promise<readonly string[]>
  /** Sends the next update to every subscriber of the room; returns its seq. */
  publish(room: number): number
  close(): Promise<void>
}

/** Number of rooms, and of members in each. */
export interface Scene {
  readonly rooms: number
  readonly members: number
}

export const QUERY = `subscription ($roomId: ID!) { roomUpdated(roomId: $roomId) {
  seq type at actorId participant { userId state audio video connected }
  room { id status seq participants { userId state audio video connected } }
} }`

/** Endless events in which the participants mute and unmute in turns. */
export function* mutings(room: Room): Generator<RoomEvent, never> {
  for (let seq = room.seq + 1; ; seq += 1) {
    const before = room.participants.at(seq % room.participants.length) as Participant
    const participant = { ...before, audio: seq % 2 === 0 }
    yield {
      roomId: room.id,
      seq,
      type: 'participant_updated',
      actorId: participant.userId,
      subjectId: participant.userId,
      data: { participants: [participant] },
      at: new Date(),
    }
  }
}

/** {@link mutings} as updates, for servers without a hub. */
export function* updates(room: Room): Generator<RoomUpdate, never> {
  let current = room
  for (const event of mutings(room)) {
    current = apply(current, event)
    yield updateOf(event, current)
  }
  throw new Error('mutings is endless')
}

/** A group whose members have all joined. */
export function group(id: string, members: number): Room {
  const now = new Date()
  const participants = Array.from({ length: members }, (_, ordinal): Participant => ({
    ...newParticipant({ id }, `user-${ordinal}`, { ordinal, role: ordinal ? 'member' : 'caller', ringsUntil: null }),
    state: 'joined',
    connected: true,
    audio: true,
    video: true,
    joinedAt: now,
  }))
  return {
    id,
    type: 'group',
    mediaType: 'video',
    status: 'active',
    callerId: 'user-0',
    calleeId: null,
    name: null,
    metadata: null,
    provider: 'webrtc',
    access: 'invited',
    maxParticipants: 50,
    seq: 1,
    createdAt: now,
    startedAt: now,
    endedAt: null,
    endReason: null,
    endedBy: null,
    emptyAt: null,
    expiresAt: new Date(now.getTime() + 86_400_000),
    deadlineAt: new Date(now.getTime() + 86_400_000),
    createdBy: 'user-0',
    clientRequestId: null,
    activeUntil: null,
    hostId: null,
    reach: null,
    requestHash: null,
    participants: Participants.of(participants),
  }
}

/** The endless updates of each room. */
export const streamsOf = ({ rooms, members }: Scene) =>
  Array.from({ length: rooms }, (_, index) => {
    const room = group(`01900000-0000-7000-8000-${index.toString(16).padStart(12, '0')}`, members)
    return { id: room.id, updates: updates(room) }
  })

/** An update as the object that all variants send. */
export const asMessage = ({ seq, type, at, actorId, participant, room }: RoomUpdate) => ({
  seq,
  type: type.toUpperCase(),
  at: at.toISOString(),
  actorId,
  participant: participant && asParticipant(participant),
  room: {
    id: room.id,
    status: room.status.toUpperCase(),
    seq: room.seq,
    participants: room.participants.map(asParticipant),
  },
})

const asParticipant = ({ userId, state, audio, video, connected }: Participant) => ({
  userId,
  state: state.toUpperCase(),
  audio,
  video,
  connected,
})
