import { TokenForm, type TokenFormProps } from './token-form.tsx'

/** Lets the user choose a development identity or paste a token. */
export function SignIn({ options, onToken, onBack }: TokenFormProps & { onBack?: (() => void) | undefined }) {
  const people = Object.keys(options.tokens ?? {})
  return (
    <main class="sign-in">
      <h2>Who is calling?</h2>
      {people.length > 0 && (
        <>
          <p class="quiet">Open this page twice, choose another name in each, and call.</p>
          <nav class="people" aria-label="People">
            {people.map((person) => (
              <a key={person} class="button primary" href={`#${person}`} onClick={onBack}>
                Continue as {person}
              </a>
            ))}
          </nav>
        </>
      )}
      <TokenForm
        options={options}
        onToken={onToken}
        label={onBack ? 'Another token' : people.length > 0 ? 'Or with a token' : 'Your token'}
      />
      {onBack && (
        <button type="button" class="button" onClick={onBack}>
          Back
        </button>
      )}
    </main>
  )
}
