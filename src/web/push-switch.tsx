import { useId } from 'preact/hooks'
import type { PushState } from './browser-push.ts'
import type { Phone } from './phone.ts'

const HINTS: Readonly<Record<Exclude<PushState, 'unavailable'>, string>> = {
  off: 'Turn this on to be notified of calls on this device.',
  changing: 'Turn this on to be notified of calls on this device.',
  on: 'This device shows a notification when somebody calls you.',
  blocked: 'Your browser blocks notifications from this page. Allow them next to the address, then turn this on.',
}

/** The switch for notifications of calls while the page is closed; nothing where that is not possible. */
export function PushSwitch({ phone, state }: { phone: Phone; state: PushState }) {
  const id = useId()
  if (state === 'unavailable') return null
  const isOn = state === 'on'
  return (
    <section class="card push" aria-labelledby={`${id}-name`}>
      <div class="push-row">
        <h2 id={`${id}-name`}>Ring when this page is closed</h2>
        <button
          type="button"
          role="switch"
          class="switch"
          aria-checked={isOn}
          aria-labelledby={`${id}-name`}
          aria-describedby={`${id}-hint`}
          disabled={state === 'blocked' || state === 'changing'}
          onClick={() => void (isOn ? phone.push.turnOff() : phone.push.turnOn())}
        />
      </div>
      <p id={`${id}-hint`} class="quiet" role="status">
        {HINTS[state]}
      </p>
    </section>
  )
}
