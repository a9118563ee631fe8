import type { PhoneState } from './phone.ts'
import { endedSentence, namesOf, othersIn } from './sentences.ts'

/** The one sentence that says how things stand; it is read aloud when it changes. */
export function statusOf(state: PhoneState, userId: string): string {
  const { gateway, underWay, room, ringing, over } = state
  if (gateway === 'reconnecting') return room ? 'Reconnecting… the call goes on.' : 'Reconnecting to the gateway…'
  if (gateway === 'disconnected') return 'Not connected to the gateway.'
  if (underWay !== undefined) return underWay
  if (ringing.length > 0) return `${namesOf(ringing.map(({ callerId }) => callerId))} is calling.`
  if (room) {
    const joined = othersIn(
      { ...room, participants: room.participants.filter(({ state: s }) => s === 'joined') },
      userId,
    )
    if (joined.length > 0) return `In a call with ${namesOf(joined)}.`
    const invited = room.participants.filter((other) => other.state === 'invited' && other.userId !== userId)
    return invited.length > 0
      ? `Ringing ${namesOf(invited.map((other) => other.userId))}…`
      : 'Nobody else is in the call.'
  }
  if (over) return 'text' in over ? over.text : endedSentence(over.room, over.reason, userId)
  return gateway === 'connected' ? 'Ready for a call.' : 'Connecting to the gateway…'
}
