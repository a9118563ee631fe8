import { useEffect, useId, useRef } from 'preact/hooks'
import type { Room } from '../sdk/index.ts'
import { Avatar } from './avatar.tsx'
import { Icon } from './icons.tsx'
import type { Phone } from './phone.ts'
import { ring } from './ringtone.ts'
import { UserName } from './sentence-text.tsx'

interface CallCardProps {
  readonly phone: Phone
  readonly disabled: boolean
  readonly inCall: boolean
}

/** The ringing calls, above everything else; silent while the user is in another call. */
export function IncomingCalls(props: CallCardProps & { ringing: readonly Room[] }) {
  const aloud = props.ringing.length > 0 && !props.inCall && !props.disabled
  useEffect(() => (aloud ? ring() : undefined), [aloud])
  return (
    <div class="incoming">
      {props.ringing.map((room) => (
        <IncomingCallCard key={room.id} {...props} room={room} />
      ))}
    </div>
  )
}

function IncomingCallCard({ phone, room, disabled, inCall }: CallCardProps & { room: Room }) {
  const id = useId()
  const card = useRef<HTMLElement>(null)
  useFocusWhileThere(card)

  const others = room.participants.length - 2
  return (
    <section
      class="ring"
      role="alertdialog"
      aria-label={`${room.callerId} is calling`}
      aria-describedby={`${id}-kind`}
      tabIndex={-1}
      ref={card}
    >
      <Avatar userId={room.callerId} />
      <div class="ring-text">
        <strong>
          <UserName userId={room.callerId} /> is calling
        </strong>
        <span id={`${id}-kind`} class="quiet">
          {room.name === null ? kindOf(room) : <UserName userId={room.name} />}
          {room.type === 'group' && others > 0 && ` · group with ${others} more`}
        </span>
        <span class="ring-links">
          <button
            type="button"
            class="link"
            aria-label={`Silence ${room.callerId}`}
            title="Their calls do not ring on this page any more"
            onClick={() => phone.silence(room.callerId)}
          >
            Silence
          </button>
          <button
            type="button"
            class="link"
            aria-label={`Block ${room.callerId}`}
            title="Their calls ring on none of your devices any more"
            onClick={() => void phone.block(room.callerId)}
          >
            Block
          </button>
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

const kindOf = ({ mediaType }: Room): string => (mediaType === 'video' ? 'Video' : 'Audio')

/**
 * Moves the focus to the card instead of its buttons, so that a key press while typing does not answer the call. If
 * another card has the focus, it keeps it. When the card is removed, the focus moves to the next card or back.
 */
function useFocusWhileThere(card: { readonly current: HTMLElement | null }): void {
  useEffect(() => {
    const before = document.activeElement
    const own = card.current
    const isBusy = before?.closest('.ring') != null
    if (!isBusy) own?.focus({ preventScroll: true })
    return () => {
      if (!own?.contains(document.activeElement)) return
      const next = [...document.querySelectorAll<HTMLElement>('.ring')].find((other) => other !== own) ?? before
      if (next instanceof HTMLElement) next.focus({ preventScroll: true })
    }
  }, [])
}
