import { useId } from 'preact/hooks'
import type { Phone } from './phone.ts'
import type { PhoneState } from './phone-state.ts'
import { UserName } from './sentence-text.tsx'

/** The callers whose calls do not ring here, each with a button to undo it. */
export function MutedCallers({ phone, state: { silenced, blocked } }: { phone: Phone; state: PhoneState }) {
  return (
    <>
      <CallerList
        title="Silenced on this page"
        callers={[...silenced].filter((userId) => !blocked.includes(userId))}
        back={(userId) => ({
          text: 'Ring again',
          label: `Ring again when ${userId} calls`,
          act: () => phone.unsilence(userId),
        })}
      />
      <CallerList
        title="Blocked"
        callers={blocked}
        back={(userId) => ({ text: 'Unblock', label: `Unblock ${userId}`, act: () => void phone.unblock(userId) })}
      />
    </>
  )
}

function CallerList(props: {
  title: string
  callers: readonly string[]
  back: (userId: string) => { text: string; label: string; act: () => void }
}) {
  const { title, callers, back } = props
  const id = useId()
  if (callers.length === 0) return null
  return (
    <section class="card unheard" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      <ul>
        {callers.map((userId) => {
          const { text, label, act } = back(userId)
          return (
            <li key={userId}>
              <span class="name">
                <UserName userId={userId} />
              </span>
              <button type="button" class="button small" aria-label={label} onClick={act}>
                {text}
              </button>
            </li>
          )
        })}
      </ul>
    </section>
  )
}
