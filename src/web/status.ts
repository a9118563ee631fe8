import type { Participant, ParticipantState, Reach, Room } from '../sdk/index.ts'
import { type PhoneState, ringingCalls } from './phone-state.ts'
import { namesOf, say, type Sentence } from './sentence.ts'
import { endedSentence } from './sentences.ts'

/** The text of the page's status line, a live region that is read aloud when it changes. */
export function statusOf(state: PhoneState, userId: string): Sentence {
  const { gateway, pending, room, lastOutcome, notices, tokenRefused } = state
  const ringing = ringingCalls(state)
  const refused = notices.some(({ code }) => code === 'UNAUTHENTICATED')
  if (tokenRefused || (gateway !== 'connected' && refused)) return ['The gateway has refused the token.']
  if (gateway === 'reconnecting') return [room ? 'Reconnecting… the call goes on.' : 'Reconnecting to the gateway…']
  if (gateway === 'disconnected') return ['Not connected to the gateway.']
  if (pending !== undefined) return pending
  if (room) return roomStatus(room, userId, state.peerStates)
  if (ringing.length > 0)
    return say`${namesOf(ringing.map(({ callerId }) => callerId))} ${ringing.length > 1 ? 'are' : 'is'} calling.`
  if (lastOutcome)
    return 'text' in lastOutcome ? lastOutcome.text : endedSentence(lastOutcome.room, lastOutcome.reason, userId)
  return [gateway === 'connected' ? 'Ready for a call.' : 'Connecting to the gateway…']
}

function roomStatus(room: Room, userId: string, media: PhoneState['peerStates']): Sentence {
  const others = room.participants.filter((other) => other.userId !== userId)
  const inState = (state: ParticipantState) =>
    others.filter((other) => other.state === state).map((other) => other.userId)
  const [joined, invited] = [inState('joined'), inState('invited')]
  if (joined.length > 0) {
    const lost = joined.filter((other) => media.get(other) === 'unreachable')
    const rest = joined.filter((other) => !lost.includes(other))
    const talk = rest.length > 0 ? say`In a call with ${namesOf(rest)}. ` : []
    return lost.length > 0 ? say`${talk}${namesOf(lost)} cannot be reached.` : say`In a call with ${namesOf(joined)}.`
  }
  return invited.length > 0 ? ringingSentence(others) : ['Nobody else is in the call.']
}

/** Who rings, and for whom the ring has not got to a connected device. */
function ringingSentence(others: readonly Participant[]): Sentence {
  const invited = others.filter(({ state }) => state === 'invited')
  const withReach = (reach: Reach) => invited.filter((other) => other.reach === reach).map(({ userId }) => userId)
  const [pushed, unreached] = [withReach('pushed'), withReach('none')]
  const ringing = say`Ringing ${namesOf(invited.map(({ userId }) => userId))}…`
  const notified = pushed.length > 0 ? say` A notification was sent to ${namesOf(pushed)}.` : []
  return say`${ringing}${notified}${unreached.length > 0 ? say` No device of ${namesOf(unreached)} is connected.` : []}`
}
