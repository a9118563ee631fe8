import { Icon } from './icons.tsx'
import { type Options, PASTED } from './identity.ts'
import type { Phone } from './phone.ts'
import { useStore } from './store.ts'

const GATEWAY = {
  connecting: 'Connecting…',
  connected: 'Connected',
  reconnecting: 'Reconnecting…',
  disconnected: 'Not connected',
}

/** Where one is, how the gateway stands, and who one is. */
export function Header({
  options,
  userId,
  phone,
}: {
  options: Options
  userId: string | undefined
  phone: Phone | undefined
}) {
  const people = Object.keys(options.tokens ?? {})
  const pasted = userId !== undefined && !people.includes(userId)
  return (
    <header class="header">
      <span class="brand">
        <Icon name="brand" />
        Calls
      </span>
      {phone && <Gateway phone={phone} />}
      <label class="who">
        <span>You are</span>
        <select
          value={pasted ? PASTED : (userId ?? '')}
          onChange={({ currentTarget: { value } }) => (location.hash = value)}
        >
          {userId === undefined && <option value="">…</option>}
          {people.map((person) => (
            <option key={person} value={person}>
              {person}
            </option>
          ))}
          <option value={PASTED}>{pasted ? userId : 'somebody with a token'}</option>
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
