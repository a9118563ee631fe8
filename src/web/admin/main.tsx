import { render } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { Audit } from './audit.tsx'
import { Console } from './console.ts'
import { Nodes } from './nodes.tsx'
import { Overview } from './overview.tsx'
import { RoomPanel } from './room-panel.tsx'
import { Rooms } from './rooms.tsx'
import { SignIn } from './sign-in.tsx'
import { useStore } from '../store.ts'
import { UserPanel } from './user-panel.tsx'

/** The options that the gateway renders into the element `#options`. */
interface Options {
  /** A development token with the scope rtc:admin; absent outside development mode. */
  readonly token?: string
}

const TOKEN_KEY = 'admin-token'
const REFUSALS: Readonly<Record<string, string>> = {
  FORBIDDEN: 'This token does not have the scope rtc:admin.',
  UNAUTHENTICATED: 'This token is invalid, or has expired.',
}

const options = JSON.parse(document.getElementById('options')?.textContent || '{}') as Options

/** The console of the administrator, or a form for a token. */
function Page() {
  const [token, setToken] = useState(() => sessionStorage.getItem(TOKEN_KEY) ?? options.token)
  const [refusal, setRefusal] = useState<string>()
  const admin = useConsole(token, (code) => {
    sessionStorage.removeItem(TOKEN_KEY)
    setToken(undefined)
    setRefusal(REFUSALS[code])
  })

  function signIn(given: string) {
    sessionStorage.setItem(TOKEN_KEY, given)
    setRefusal(undefined)
    setToken(given)
  }

  function signOut() {
    sessionStorage.removeItem(TOKEN_KEY)
    setToken(undefined)
  }

  return (
    <>
      <header class="header">
        <h1 class="brand">Administration</h1>
        {admin && (
          <button type="button" class="button small sign-out" onClick={signOut}>
            Sign out
          </button>
        )}
      </header>
      {admin ? <Dashboard admin={admin} /> : <SignIn refusal={refusal} onToken={signIn} />}
    </>
  )
}

function Dashboard({ admin }: { admin: Console }) {
  const state = useStore(admin.store)
  const { dashboard, problem, notice } = state
  return (
    <main class="console">
      <p class={problem ? 'bar wrong' : 'bar'} role="status">
        {problem ?? notice ?? ''}
      </p>
      {dashboard ? (
        <>
          <Overview dashboard={dashboard} />
          <div class="columns">
            <Rooms admin={admin} state={state} />
            <RoomPanel admin={admin} state={state} />
          </div>
          <div class="columns">
            <UserPanel admin={admin} state={state} />
            <Audit entries={dashboard.auditLog.edges} />
          </div>
          <Nodes nodes={dashboard.nodes} />
        </>
      ) : (
        <p class="quiet">Loading…</p>
      )}
    </main>
  )
}

function useConsole(token: string | undefined, onRefused: (code: string) => void): Console | undefined {
  const [admin, setAdmin] = useState<Console>()
  useEffect(() => {
    if (token === undefined) return setAdmin(undefined)
    const own = new Console(token, onRefused)
    setAdmin(own)
    return () => own.close()
  }, [token])
  return admin
}

const root = document.getElementById('page')
if (root) render(<Page />, root)
