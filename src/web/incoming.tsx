import { useEffect, useId, useRef } from 'preact/hooks'
import type { Room } from '../sdk/index.ts'
import { Avatar } from './avatar.tsx'
import { Icon } from './icons.tsx'
import type { Phone } from './phone.ts'
import { ring } from './ringtone.ts'

/** The calls that ring, over everything else; aloud, but not into another call. */
export function Incoming(props: { phone: Phone; ringing: readonly Room[]; disabled: boolean; inCall: boolean }) {
  const aloud = props.ringing.length > 0 && !props.inCall && !props.disabled
  useEffect(() => (aloud ? ring() : undefined), [aloud])
  return (
    <div class="incoming">
      {props.ringing.map((room) => (
        <IncomingCall key={room.id} {...props} room={room} />
      ))}
    </div>
  )
}

function IncomingCall({
  phone,
  room,
  disabled,
  inCall,
}: {
  phone: Phone
  room: Room
  disabled: boolean
  inCall: boolean
}) {
  const id = useId()
  const card = useRef<HTMLElement>(null)

  // To the card, not to its button: whoever is typing must not answer by it. Back again when it is over.
  useEffect(() => {
    const before = document.activeElement
    const own = card.current
    own?.focus({ preventScroll: true })
    return () => {
      if (own?.contains(document.activeElement) && before instanceof HTMLElement) before.focus({ preventScroll: true })
    }
  }, [])

  const others = room.participants.length - 2
  return (
    <section
      class="ring"
      role="alertdialog"
      aria-labelledby={id}
      aria-describedby={`${id}-kind`}
      tabIndex={-1}
      ref={card}
    >
      <Avatar userId={room.callerId} />
      <div class="ring-text">
        <strong id={id}>{room.callerId} is calling</strong>
        <span id={`${id}-kind`} class="quiet">
          {room.name ?? (room.mediaType === 'video' ? 'Video' : 'Audio')}
          {room.type === 'group' && others > 0 && ` · group with ${others} more`}
        </span>
      </div>
      <div class="ring-buttons">
        <button type="button" class="button stop" disabled={disabled} onClick={() => void phone.decline(room)}>
          <Icon name="hangUp" /> Decline
        </button>
        <button type="button" class="button go" disabled={disabled} onClick={() => void phone.answer(room)}>
          <Icon name="answer" /> {inCall ? 'Leave and answer' : 'Answer'}
        </button>
      </div>
    </section>
  )
}
