import { useId } from 'preact/hooks'
import type { Phone } from './phone.ts'
import type { PhoneState } from './phone-state.ts'
import { Name } from './said.tsx'

/** Whose calls do not ring, and the way back. */
export function Unheard({ phone, state: { silenced, blocked } }: { phone: Phone; state: PhoneState }) {
  return (
    <>
      <Callers
        title="Silenced on this page"
        callers={[...silenced].filter((userId) => !blocked.includes(userId))}
        back={(userId) => ({
          text: 'Ring again',
          label: `Ring again when ${userId} calls`,
          act: () => phone.unsilence(userId),
        })}
      />
      <Callers
        title="Blocked"
        callers={blocked}
        back={(userId) => ({ text: 'Unblock', label: `Unblock ${userId}`, act: () => void phone.unblock(userId) })}
      />
    </>
  )
}

function Callers(props: {
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
                <Name userId={userId} />
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
