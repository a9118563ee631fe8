import { useId } from 'preact/hooks'
import type { MediaType } from '../sdk/index.ts'
import { fieldOf, userIdsIn } from './form.ts'
import { Icon } from './icons.tsx'
import type { Phone } from './phone.ts'

/** The form that starts a call: user ids and media type. */
export function CallForm({ phone, disabled }: { phone: Phone; disabled: boolean }) {
  const id = useId()

  function submit(event: SubmitEvent) {
    event.preventDefault()
    const userIds = userIdsIn(fieldOf(event, 'who'))
    if (userIds.length > 0) void phone.call(userIds, fieldOf(event, 'kind') as MediaType)
  }

  return (
    <form class="dial card" onSubmit={submit}>
      <label class="title" for={id}>
        Who to call
      </label>
      <input
        id={id}
        name="who"
        class="field"
        placeholder={phone.userId === 'alice' ? 'bob' : 'alice'}
        required
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        aria-describedby={`${id}-hint`}
      />
      <p id={`${id}-hint`} class="quiet">
        A user’s id, spaces and all. Several, separated by commas, make a group.
      </p>
      <div class="dial-row">
        <fieldset class="segments">
          <legend class="unseen">Kind</legend>
          <label>
            <input type="radio" name="kind" value="video" defaultChecked />
            <span>
              <Icon name="camera" /> Video
            </span>
          </label>
          <label>
            <input type="radio" name="kind" value="audio" />
            <span>
              <Icon name="microphone" /> Audio
            </span>
          </label>
        </fieldset>
        <button type="submit" class="button go" disabled={disabled}>
          <Icon name="answer" /> Call
        </button>
        {disabled && (
          <button type="button" class="button cancel" onClick={() => phone.cancel()}>
            <Icon name="close" /> Cancel
          </button>
        )}
      </div>
    </form>
  )
}
