import type { EndedReason, ErrorCode, IncomingCallType, MediaSource, Room, RoomUpdate, RtcError } from '../sdk/index.ts'

const DEVICES: Readonly<Record<MediaSource, string>> = {
  camera: 'camera',
  microphone: 'microphone',
  screen: 'screen',
}

/** How a call goes on without a source. */
const WITHOUT: Readonly<Record<MediaSource, string>> = {
  camera: 'The call goes on without your picture.',
  microphone: 'The call goes on, but nobody hears you.',
  screen: 'The call goes on without it.',
}

const SENTENCES: Readonly<Record<ErrorCode, (error: RtcError, device: string) => string>> = {
  UNAUTHENTICATED: () => 'The token was refused: it has expired, or it is not for this gateway.',
  FORBIDDEN: () => 'You are not allowed to do that in this call.',
  NOT_INVITED: () => 'You have not been invited to this call.',
  NOT_FOUND: () => 'There is no such call any more.',
  BAD_USER_INPUT: ({ problems, message }) =>
    `That does not work: ${problems.map((problem) => `${problem.path} ${problem.message}`).join(', ') || message}`,
  CONFLICT: () => 'That is not possible any more: the call has moved on.',
  ROOM_ENDED: () => 'This call is over.',
  ROOM_FULL: () => 'The call is full: there is no seat left.',
  IDEMPOTENCY_CONFLICT: () => 'The same request was made twice with different content.',
  PAYLOAD_TOO_LARGE: () => 'That is more than the gateway takes at once.',
  UNSUPPORTED_MEDIA_TYPE: () => 'The gateway does not understand this page. Reload it.',
  RATE_LIMITED: ({ retryAfter }) =>
    `Too much at once. Try again in ${retryAfter === undefined ? 'a moment' : `${retryAfter} s`}.`,
  PROVIDER_NOT_CONFIGURED: () => "This gateway has no account with the call's media provider.",
  UNAVAILABLE: () => 'The gateway cannot work at the moment. Try again shortly.',
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

/** What went wrong, for the one who is at the page; with a source, also how the call goes on. */
export function errorSentence(error: RtcError, source?: MediaSource): string {
  const sentence = SENTENCES[error.code](error, source === undefined ? 'device' : DEVICES[source])
  return source === undefined ? sentence : `${sentence} ${WITHOUT[source]}`
}

/** Enumerates: `alice`, `alice and bob`, `alice, bob and carol`. */
const NAMES = new Intl.ListFormat('en-GB', { type: 'conjunction' })
export const namesOf = (userIds: readonly string[]): string => NAMES.format(userIds) || 'nobody'

/** The others who have, or had, a place in a room. */
export const othersIn = (room: Room, userId: string): string[] =>
  room.participants.map((participant) => participant.userId).filter((id) => id !== userId)

/** Why a call is over, for one of those who were in it. */
export function endedSentence(room: Room, reason: EndedReason, userId: string): string {
  const others = namesOf(othersIn(room, userId))
  const own = room.callerId === userId
  const sentences: Readonly<Record<EndedReason, string>> = {
    completed: `Call with ${others} ended.`,
    cancelled: own ? 'Call cancelled.' : `${room.callerId} has cancelled the call.`,
    rejected: own ? `${others} declined.` : 'Call declined.',
    busy: own ? `${others} is busy.` : 'Declined as busy.',
    missed: own ? `${others} did not answer.` : `Missed a call from ${room.callerId}.`,
    empty: 'Everybody has left.',
    expired: 'The call has reached its longest time.',
    failed: 'The call has failed.',
    left: 'You have left the call.',
    removed: 'You were removed from the call.',
    replaced: 'You have joined from another tab or device.',
    disconnected: 'Your connection was lost for too long: the call is over.',
  }
  return sentences[reason]
}

/** How a call that rang here has ceased to, when it was not answered here. */
export function ringOverSentence(room: Room, type: Exclude<IncomingCallType, 'ringing'>): string {
  const sentences = {
    answered: 'Answered in another tab or on another device.',
    cancelled: `${room.callerId} has hung up.`,
    rejected: 'Call declined.',
    missed: `Missed a call from ${room.callerId}.`,
  }
  return sentences[type]
}

/** One line of the event list. */
export function eventSentence({ type, participant, actorId, room }: RoomUpdate): string {
  const who = participant?.userId ?? 'somebody'
  const sentences: Readonly<Record<RoomUpdate['type'], string>> = {
    snapshot: `The call as it is: ${room.status}`,
    room_created: `${actorId ?? room.callerId} made the call`,
    room_started: 'The call has begun',
    room_ended: `The call is over: ${room.endReason ?? 'completed'}`,
    participant_invited: `${who} is invited`,
    participant_joined: `${who} has joined`,
    participant_left: `${who} has left${participant?.leaveReason === 'disconnected' ? ': connection lost' : ''}`,
    participant_rejected: `${who} has declined`,
    participant_missed: `${who} did not answer`,
    participant_removed: `${who} was removed`,
    participant_updated: `${who}: mic ${participant?.audio ? 'on' : 'off'}, camera ${participant?.video ? 'on' : 'off'}`,
    participant_disconnected: `${who} has lost the connection`,
    participant_reconnected: `${who} is back`,
  }
  return sentences[type]
}
