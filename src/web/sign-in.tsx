import { useId, useState } from 'preact/hooks'
import { fieldOf } from './form.ts'
import { type Identity, keepToken, type Options, PASTED, subjectOf } from './identity.ts'

/** Asks who is there: somebody whose token the gateway has given, or whose token is pasted. */
export function SignIn({ options, onToken }: { options: Options; onToken: (identity: Identity) => void }) {
  const { tokens = {}, userClaim = 'sub' } = options
  const id = useId()
  const [wrong, setWrong] = useState(false)
  const people = Object.keys(tokens)

  function submit(event: SubmitEvent) {
    event.preventDefault()
    const token = fieldOf(event, 'token')
    const userId = subjectOf(token, userClaim)
    setWrong(userId === undefined)
    if (userId === undefined) return
    keepToken(token)
    location.hash = PASTED
    onToken({ userId, token })
  }

  return (
    <main class="sign-in">
      <h1>Who is calling?</h1>
      {people.length > 0 && (
        <>
          <p class="quiet">Open this page twice, choose another name in each, and call.</p>
          <nav class="people" aria-label="People">
            {people.map((person) => (
              <a key={person} class="button primary" href={`#${person}`}>
                Continue as {person}
              </a>
            ))}
          </nav>
        </>
      )}
      <form class="card" onSubmit={submit}>
        <label for={id}>{people.length > 0 ? 'Or with a token' : 'Your token'}</label>
        <textarea
          id={id}
          name="token"
          rows={4}
          required
          autocomplete="off"
          spellcheck={false}
          aria-invalid={wrong}
          aria-describedby={`${id}-hint`}
        />
        <p id={`${id}-hint`} class={wrong ? 'wrong' : 'quiet'} aria-live="polite">
          {wrong ? `This is not a JWT with the claim ${userClaim}.` : 'It stays in this tab.'}
        </p>
        <button type="submit" class="button">
          Continue
        </button>
      </form>
    </main>
  )
}
