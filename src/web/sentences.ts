import type {
  EndedReason,
  EndReason,
  ErrorCode,
  IncomingCallType,
  InputProblem,
  MediaSource,
  Room,
  RoomEvent,
  RoomUpdate,
  RtcError,
} from '../sdk/index.ts'
import { nameOf, namesOf, say, type Sentence } from './sentence.ts'

const DEVICES: Readonly<Record<MediaSource, string>> = {
  camera: 'camera',
  microphone: 'microphone',
  screen: 'screen',
}

/** Appended to a device error: how the call continues without the source. */
const WITHOUT_SOURCE: Readonly<Record<MediaSource, string>> = {
  camera: 'The call goes on without your picture.',
  microphone: 'The call goes on, but nobody hears you.',
  screen: 'The call goes on without it.',
}

const SENTENCES: Readonly<Record<ErrorCode, (error: RtcError, device: string) => string>> = {
  UNAUTHENTICATED: () => 'The token was refused: it has expired, or it is not for this gateway.',
  FORBIDDEN: () => 'You are not allowed to do that in this call.',
  NOT_INVITED: () => 'You have not been invited to this call.',
  NOT_FOUND: () => 'There is no such call any more.',
  BAD_USER_INPUT: ({ problems }) => `That does not work. ${problems.map(problemSentence).join(' ')}`.trim(),
  CONFLICT: () => 'That is not possible any more: the call has moved on.',
  ROOM_ENDED: () => 'This call is over.',
  CALLEE_OFFLINE: () => 'No device of theirs is connected, so the call cannot ring.',
  ROOM_FULL: () => 'The call is full: there is no seat left.',
  IDEMPOTENCY_CONFLICT: () => 'The same request was made twice with different content.',
  PAYLOAD_TOO_LARGE: () => 'That is more than the gateway takes at once.',
  UNSUPPORTED_MEDIA_TYPE: () => 'The gateway does not understand this page. Reload it.',
  RATE_LIMITED: ({ retryAfter }) =>
    `Too much at once. Try again in ${retryAfter === undefined ? 'a moment' : `${retryAfter} s`}.`,
  PROVIDER_NOT_CONFIGURED: () => "This gateway has no account with the call's media provider.",
  UNAVAILABLE: () => 'The gateway is not available at the moment. Try again shortly.',
  INTERNAL: ({ message }) => `The gateway has failed. ${message}`,
  UNREACHABLE: () => 'The gateway cannot be reached. Check your connection.',
  INVALID_STATE: () => 'That is not possible now: wait for the call to begin, or end the other one first.',
  DEVICE_DENIED: (_, device) => `Your ${device} is blocked: allow it in the browser’s address bar.`,
  DEVICE_NOT_FOUND: (_, device) => `No ${device} was found.`,
  DEVICE_FAILED: (_, device) =>
    `Your ${device} could not be opened.${device === DEVICES.screen ? '' : ' Another program may be using it.'}`,
  NOT_SUPPORTED: ({ message }) => `This browser cannot do that. ${message}`,
  PROVIDER_SDK_MISSING: () => "This page does not have the SDK of the call's media provider.",
  MEDIA_FAILED: () => 'Sound and picture do not come through: the network may be blocking them.',
}

/** Labels of the page's form fields, by the gateway's field names. */
const FORM_LABELS: Readonly<Record<string, string>> = {
  calleeId: 'Who to call',
  participantIds: 'Who to call',
  userIds: 'Who else to call',
  userId: 'Who to block',
}

/** Words for field names within the gateway's messages. */
const PEOPLE: Readonly<Record<string, string>> = {
  callerId: 'caller',
  calleeId: 'one who is called',
  participantIds: 'others',
  userIds: 'others',
  userId: 'user',
}

/** One input problem, with the page's labels instead of the gateway's field names. */
function problemSentence({ path, message }: InputProblem): string {
  const words = message.replaceAll(/\b[a-z]+[A-Z]\w*\b/g, (word) => PEOPLE[word] ?? 'it')
  const field = FORM_LABELS[path.split('.').find((part) => part in FORM_LABELS) ?? '']
  const sentence = field === undefined || /^\p{Lu}/u.test(words) ? words : `“${field}” ${words}`
  return /[.!?]$/.test(sentence) ? sentence : `${sentence}.`
}

/** The message for an error; with a source, also how the call continues. */
export function errorSentence(error: RtcError, source?: MediaSource): Sentence {
  if (error.peer) return say`${nameOf(error.peer.userId)} cannot be reached: ${UNREACHABLE[error.peer.reason]}.`
  const sentence = SENTENCES[error.code](error, source === undefined ? 'device' : DEVICES[source])
  return [source === undefined ? sentence : `${sentence} ${WITHOUT_SOURCE[source]}`]
}

/** Why a peer's media does not arrive. */
const UNREACHABLE: Readonly<Record<NonNullable<RtcError['peer']>['reason'], string>> = {
  no_answer: 'their page does not answer',
  no_agreement: 'the two browsers do not agree on a connection',
  no_turn: 'there is no direct way to them, and this gateway has no relay',
  relay_refused: 'the relay refuses this gateway’s credentials',
  relay_unreachable: 'the relay does not answer',
  nothing_arrives: 'no media arrives from them over any route',
}

/** The selected device is gone; the default one is used. */
export const fallbackSentence = (source: MediaSource): string =>
  `The ${DEVICES[source]} that you have chosen is gone: the default one is used instead.`

/** A published device is gone. */
export const lostSentence = (source: MediaSource): string =>
  `Your ${DEVICES[source]} is gone: it was unplugged, or the system has taken it away. ${WITHOUT_SOURCE[source]}`

/** The ids of the other participants, past and present. */
export const othersIn = (room: Room, userId: string): string[] =>
  room.participants.map((participant) => participant.userId).filter((id) => id !== userId)

/** How a call ended, as told to one of its participants. */
export function endedSentence(room: Room, reason: EndedReason, userId: string): Sentence {
  const own = room.callerId === userId
  const caller = nameOf(room.callerId)
  const called = namesOf(room.calleeId === null ? othersIn(room, userId) : [room.calleeId])
  const sentences: Readonly<Record<EndedReason, () => Sentence>> = {
    completed: () => completedSentence(room, userId),
    cancelled: () => (own ? ['Call cancelled.'] : say`${caller} has cancelled the call.`),
    rejected: () => (own ? say`${called} declined.` : ['Call declined.']),
    busy: () => (own ? say`${called} is busy.` : ['Declined as busy.']),
    missed: () => (own ? unansweredSentence(room, called) : say`Missed a call from ${caller}.`),
    empty: () => ['Everybody has left.'],
    expired: () => ['The call has reached its maximum duration.'],
    failed: () => ['The call has failed.'],
    left: () => ['You have left the call.'],
    removed: () => ['You were removed from the call.'],
    replaced: () => ['You have joined from another tab or device.'],
    disconnected: () => ['Your connection was lost for too long: the call is over.'],
  }
  return sentences[reason]()
}

const unansweredSentence = ({ reach }: Room, called: Sentence): Sentence =>
  reach === 'none' ? say`The call did not reach ${called}: no device was connected.` : say`${called} did not answer.`

/** Names the other participants and, if a lost connection ended the call, whose it was. */
function completedSentence(room: Room, userId: string): Sentence {
  const present = room.participants.filter(({ joinedAt }) => joinedAt !== null)
  const others = present.filter((other) => other.userId !== userId)
  const lost = room.type === 'p2p' ? present.find(({ leaveReason }) => leaveReason === 'disconnected') : undefined
  if (lost?.userId === userId) return ['Your connection was lost for too long: the call is over.']
  const ended =
    others.length === 0 ? ['Call ended'] : say`Call with ${namesOf(others.map((other) => other.userId))} ended`
  return lost ? say`${ended}: the connection to ${nameOf(lost.userId)} was lost.` : say`${ended}.`
}

/** Why a call stopped ringing without being answered here. */
export function ringOverSentence(room: Room, type: Exclude<IncomingCallType, 'ringing'>): Sentence {
  const caller = nameOf(room.callerId)
  const sentences = {
    answered: ['Answered in another tab or on another device.'],
    cancelled: say`${caller} has hung up.`,
    rejected: ['Call declined.'],
    missed: say`Missed a call from ${caller}.`,
  }
  return sentences[type]
}

const END_SUFFIXES: Readonly<Record<EndReason, string>> = {
  completed: '',
  cancelled: ': cancelled',
  rejected: ': declined',
  busy: ': busy',
  missed: ': not answered',
  empty: ': everybody has left',
  expired: ': maximum duration reached',
  failed: ': it has failed',
}

/** One line of the event list. */
export function eventSentence({ type, participant, actorId, subjectId, room }: ListedEvent): Sentence {
  const subject = participant?.userId ?? subjectId
  const who = subject == null ? ['somebody'] : nameOf(subject)
  const sentences: Readonly<Record<RoomEvent['type'], () => Sentence>> = {
    snapshot: () => ['The call as it is now'],
    room_created: () => say`${actorId === null ? 'Somebody' : nameOf(actorId)} made the call`,
    room_started: () => ['The call has begun'],
    room_ended: () => [`The call is over${END_SUFFIXES[room?.endReason ?? 'completed']}`],
    room_updated: () => (room?.hostId ? say`${nameOf(room.hostId)} hosts the room` : ['The room has changed']),
    participant_invited: () => say`${who} is invited`,
    participant_joined: () => say`${who} has joined`,
    participant_left: () =>
      say`${who} has left${participant?.leaveReason === 'disconnected' ? ': connection lost' : ''}`,
    participant_rejected: () => say`${who} has declined`,
    participant_missed: () => say`${who} did not answer`,
    participant_removed: () => say`${who} was removed`,
    participant_updated: () => updatedSentence(who, { participant: participant ?? null, actorId }),
    participant_disconnected: () => say`${who} has lost the connection`,
    participant_reconnected: () => say`${who} is back`,
  }
  return sentences[type]()
}

/** A ring that got further has no actor; it is the only change of somebody who is invited. */
function updatedSentence(
  who: Sentence,
  { participant, actorId }: Pick<RoomUpdate, 'participant' | 'actorId'>,
): Sentence {
  if (participant?.state === 'invited') {
    return participant.reach === 'pushed' ? say`A notification was sent to ${who}` : say`A device of ${who} is ringing`
  }
  if (participant) {
    return say`${who}: mic ${participant.audio ? 'on' : 'off'}, camera ${participant.video ? 'on' : 'off'}`
  }
  return actorId === null ? say`${who} was reached` : say`${who} has changed microphone or camera`
}

/** An event from the log or, with `participant` and `room`, from the stream. */
export type ListedEvent = RoomEvent & Partial<Pick<RoomUpdate, 'participant' | 'room'>>
