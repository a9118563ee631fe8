import { Icon } from './icons.tsx'
import { type Options, PASTED } from './identity.ts'
import type { Phone } from './phone.ts'
import { isolated } from './sentence.ts'
import { useStore } from './store.ts'

/** No user's id: these are not empty. */
const ANOTHER = ''

const GATEWAY = {
  connecting: 'Connecting…',
  connected: 'Connected',
  reconnecting: 'Reconnecting…',
  unreachable: 'Not connected',
  disconnected: 'Not connected',
}

/** Where one is, how the gateway stands, and who one is. */
export function Header({
  options,
  userId,
  phone,
  onAsk,
}: {
  options: Options
  userId: string | undefined
  phone: Phone | undefined
  /** Another token is to be pasted. */
  onAsk: () => void
}) {
  const people = Object.keys(options.tokens ?? {})
  const pasted = userId !== undefined && !people.includes(userId)

  function choose(select: HTMLSelectElement) {
    const { value } = select
    if (value !== ANOTHER) {
      location.hash = value
      return
    }
    select.value = PASTED
    onAsk()
  }

  return (
    <header class="header">
      <h1 class="brand">
        <Icon name="brand" />
        Calls
      </h1>
      {phone && <Gateway phone={phone} />}
      <label class="who">
        <span>You are</span>
        <select value={pasted ? PASTED : (userId ?? '')} onChange={({ currentTarget }) => choose(currentTarget)}>
          {userId === undefined && <option value={ANOTHER}>…</option>}
          {people.map((person) => (
            <option key={person} value={person}>
              {person}
            </option>
          ))}
          <option value={PASTED}>{pasted ? isolated(userId) : 'somebody with a token'}</option>
          {pasted && <option value={ANOTHER}>somebody with another token</option>}
        </select>
      </label>
    </header>
  )
}

function Gateway({ phone }: { phone: Phone }) {
  const { gateway } = useStore(phone.store)
  return (
    <span class="gateway" data-gateway={gateway}>
      {GATEWAY[gateway]}
    </span>
  )
}
