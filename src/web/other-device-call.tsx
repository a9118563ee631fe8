import { useId } from 'preact/hooks'
import type { Room } from '../sdk/index.ts'
import { Icon } from './icons.tsx'
import type { Phone } from './phone.ts'
import { SentenceText } from './sentence-text.tsx'
import { namesOf, say } from './sentence.ts'

/** Offers to take over the call that the user is in with another tab or device. */
export function OtherDeviceCall({ phone, room }: { phone: Phone; room: Room }) {
  const id = useId()
  const others = room.participants.filter(
    ({ userId, state }) => userId !== phone.userId && (state === 'joined' || state === 'invited'),
  )
  const names = namesOf(others.map(({ userId }) => userId))
  const doing = room.status === 'active' ? say`You are in a call with ${names}` : say`You are calling ${names}`
  return (
    <section class="card elsewhere" aria-labelledby={id}>
      <p id={id}>
        <SentenceText sentence={say`${doing} in another tab or on another device.`} />
      </p>
      <button type="button" class="button go" onClick={() => void phone.answer(room)}>
        <Icon name="answer" /> Take it here
      </button>
    </section>
  )
}
