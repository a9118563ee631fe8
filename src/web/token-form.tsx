import { useId, useState } from 'preact/hooks'
import { fieldOf } from './form.ts'
import { type Identity, keepToken, type Options, PASTED_TOKEN, subjectOf } from './identity.ts'

export interface TokenFormProps {
  readonly options: Options
  readonly onToken: (identity: Identity) => void
}

/** A form for pasting a token, which is stored for this tab. */
export function TokenForm({ options, onToken, label }: TokenFormProps & { label: string }) {
  const { userClaim = 'sub' } = options
  const id = useId()
  const [wrong, setWrong] = useState(false)

  function submit(event: SubmitEvent) {
    event.preventDefault()
    const token = fieldOf(event, 'token')
    const userId = subjectOf(token, userClaim)
    setWrong(userId === undefined)
    if (userId === undefined) return
    keepToken(token)
    location.hash = PASTED_TOKEN
    onToken({ userId, token })
  }

  return (
    <form class="card token-form" onSubmit={submit}>
      <label for={id}>{label}</label>
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
  )
}

/** Asks for a new token after the current one expired or was refused; a call continues meanwhile. */
export const RefusedTokenForm = (props: TokenFormProps) => (
  <TokenForm {...props} label="Your token has expired, or was refused. Paste another one:" />
)
