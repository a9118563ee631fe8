import { useId } from 'preact/hooks'
import type { Phone } from './phone.ts'
import { Name } from './said.tsx'

/** Whose calls do not ring, and the way back. */
export function Silenced({ phone, silenced }: { phone: Phone; silenced: ReadonlySet<string> }) {
  const id = useId()
  if (silenced.size === 0) return null
  return (
    <section class="card silenced" aria-labelledby={id}>
      <h2 id={id}>Silenced on this page</h2>
      <ul>
        {[...silenced].map((userId) => (
          <li key={userId}>
            <span class="name">
              <Name userId={userId} />
            </span>
            <button
              type="button"
              class="button small"
              aria-label={`Let ${userId} ring again`}
              onClick={() => phone.unsilence(userId)}
            >
              Let ring
            </button>
          </li>
        ))}
      </ul>
    </section>
  )
}
