import { Icon } from './icons.tsx'
import { type Options, PASTED_TOKEN } from './identity.ts'
import type { Phone } from './phone.ts'
import { isolated } from './sentence.ts'
import { useStore } from './store.ts'

/** The option's value; cannot collide with a user id, which is never empty. */
const ANOTHER_TOKEN = ''

const GATEWAY_STATES = {
  connecting: 'Connecting…',
  connected: 'Connected',
  reconnecting: 'Reconnecting…',
  unreachable: 'Not connected',
  disconnected: 'Not connected',
}

/** The page's title, the connection state and the choice of the user. */
export function Header({
  options,
  userId,
  phone,
  onAsk,
}: {
  options: Options
  userId: string | undefined
  phone: Phone | undefined
  /** The user wants to paste another token. */
  onAsk: () => void
}) {
  const people = Object.keys(options.tokens ?? {})
  const pasted = userId !== undefined && !people.includes(userId)

  function choose(select: HTMLSelectElement) {
    const { value } = select
    if (value !== ANOTHER_TOKEN) {
      location.hash = value
      return
    }
    select.value = PASTED_TOKEN
    onAsk()
  }

  return (
    <header class="header">
      <h1 class="brand">
        <Icon name="brand" />
        Calls
      </h1>
      {phone && <GatewayStatus phone={phone} />}
      <label class="who">
        <span>You are</span>
        <select value={pasted ? PASTED_TOKEN : (userId ?? '')} onChange={({ currentTarget }) => choose(currentTarget)}>
          {userId === undefined && <option value={ANOTHER_TOKEN}>…</option>}
          {people.map((person) => (
            <option key={person} value={person}>
              {person}
            </option>
          ))}
          <option value={PASTED_TOKEN}>{pasted ? isolated(userId) : 'somebody with a token'}</option>
          {pasted && <option value={ANOTHER_TOKEN}>somebody with another token</option>}
        </select>
      </label>
    </header>
  )
}

function GatewayStatus({ phone }: { phone: Phone }) {
  const { gateway } = useStore(phone.store)
  return (
    <span class="gateway" data-gateway={gateway}>
      {GATEWAY_STATES[gateway]}
    </span>
  )
}
