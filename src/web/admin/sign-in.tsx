import { fieldOf } from '../form.ts'

/** Asks for a token with the scope rtc:admin. */
export function SignIn({ refusal, onToken }: { refusal: string | undefined; onToken: (token: string) => void }) {
  function submit(event: SubmitEvent) {
    event.preventDefault()
    onToken(fieldOf(event, 'token').trim())
  }

  return (
    <main class="sign-in">
      <form class="card token-form" onSubmit={submit}>
        <label for="token">
          Your token with the scope <code>rtc:admin</code>
        </label>
        <textarea
          id="token"
          name="token"
          rows={4}
          required
          autocomplete="off"
          spellcheck={false}
          aria-invalid={refusal !== undefined}
          aria-describedby="token-hint"
        />
        <p id="token-hint" class={refusal ? 'wrong' : 'quiet'} aria-live="polite">
          {refusal ?? 'It stays in this tab.'}
        </p>
        <button type="submit" class="button primary">
          Continue
        </button>
      </form>
    </main>
  )
}
