import { type RoomUpdate, updateOf } from '../../src/events/event.ts'
import { apply, newParticipant, type Participant, type Room, type RoomEvent } from '../../src/rooms/model.ts'
import { Participants } from '../../src/rooms/participants.ts'

/** What every server under test is asked to do; it runs as a process of its own and is spoken to by IPC. Readers come to the rooms in turns. */
export interface Variant {
  /** Where readers connect: `ws://127.0.0.1:port/path`. */
  readonly url: string
  /** What a reader sends after the handshake, the connection's number given; an empty list: it just listens. */
  hello(reader: number): Promise<readonly string[]>
  /** Sends one more update to every reader of the room; answers its seq. */
  publish(room: number): number
  close(): Promise<void>
}

/** How many rooms there are, and how many members each has. */
export interface Scene {
  readonly rooms: number
  readonly members: number
}

export const QUERY = `subscription ($roomId: ID!) { roomUpdated(roomId: $roomId) {
  seq type at actorId participant { userId state audio video connected }
  room { id status seq participants { userId state audio video connected } }
} }`

/** One after the other, participants of the room mute and unmute themselves. */
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

/** The same for servers that have no hub. */
export function* updates(room: Room): Generator<RoomUpdate, never> {
  let current = room
  for (const event of mutings(room)) {
    current = apply(current, event)
    yield updateOf(event, current)
  }
  throw new Error('mutings never end')
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
    requestHash: null,
    participants: Participants.of(participants),
  }
}

/** The streams of so many rooms. */
export const streamsOf = ({ rooms, members }: Scene) =>
  Array.from({ length: rooms }, (_, index) => {
    const room = group(`01900000-0000-7000-8000-${index.toString(16).padStart(12, '0')}`, members)
    return { id: room.id, updates: updates(room) }
  })

/** The message of an update as all variants send it, as an object. */
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
