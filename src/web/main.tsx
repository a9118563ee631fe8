import { render } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { CallScreen } from './call-screen.tsx'
import { Header } from './header.tsx'
import { type Identity, readIdentity, readOptions } from './identity.ts'
import { Phone } from './phone.ts'
import { WorkerInbox } from './worker-inbox.ts'
import { SignIn } from './sign-in.tsx'

const options = readOptions()
const inbox = new WorkerInbox()

/** The call screen of the signed-in user, or the sign-in form. */
function Page() {
  const [identity, setIdentity] = useState(() => readIdentity(options))
  const phone = usePhone(identity)

  const [asking, setAsking] = useState(false)

  useEffect(() => {
    const follow = () => setIdentity(readIdentity(options))
    window.addEventListener('hashchange', follow)
    return () => window.removeEventListener('hashchange', follow)
  }, [])

  function takeToken(next: Identity) {
    setAsking(false)
    setIdentity(next)
  }

  return (
    <>
      <Header options={options} userId={identity?.userId} phone={phone} onAsk={() => setAsking(true)} />
      {phone && !asking ? (
        <CallScreen key={phone.userId} phone={phone} options={options} onToken={takeToken} />
      ) : (
        <SignIn options={options} onToken={takeToken} onBack={phone && (() => setAsking(false))} />
      )}
    </>
  )
}

/** One Phone per identity; the previous one hangs up and is destroyed. */
function usePhone(identity: Identity | undefined): Phone | undefined {
  const [phone, setPhone] = useState<Phone>()
  useEffect(() => {
    if (!identity) return setPhone(undefined)
    const own = new Phone(identity, inbox)
    setPhone(own)
    void own.start()
    return () => void own.stop()
  }, [identity?.userId, identity?.token])
  return phone
}

const root = document.getElementById('page')
if (root) render(<Page />, root)
