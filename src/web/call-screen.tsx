import { useEffect, useRef } from 'preact/hooks'
import { Controls } from './controls.tsx'
import { Dial } from './dial.tsx'
import { Elapsed } from './elapsed.tsx'
import { Elsewhere } from './elsewhere.tsx'
import { EventList } from './event-list.tsx'
import { HistoryList } from './history-list.tsx'
import type { Identity } from './identity.ts'
import { Incoming } from './incoming.tsx'
import { Notices } from './notices.tsx'
import type { Phone } from './phone.ts'
import { ringingCalls } from './phone-state.ts'
import { Said } from './said.tsx'
import { isolated } from './sentence.ts'
import { Stage } from './stage.tsx'
import { statusOf } from './status.ts'
import { useStore } from './store.ts'
import { RefusedToken, type TokenTaker } from './token-form.tsx'
import { Unheard } from './unheard.tsx'

/** Everything for the one who calls: the call or the way to one, what rings, what happened. */
export function CallScreen({ phone, options, onToken }: TokenTaker & { phone: Phone }) {
  const state = useStore(phone.store)
  const { room, since, underWay, elsewhere } = state
  const ringing = ringingCalls(state)
  const atHand = room === undefined && underWay === undefined ? elsewhere : undefined
  const status = statusOf(state, phone.userId)
  const heading = useRef<HTMLDivElement>(null)
  const caller = ringing[0]?.callerId

  useEffect(() => {
    document.title = caller === undefined ? `${isolated(phone.userId)} · Calls` : `${isolated(caller)} is calling`
  }, [caller, phone])

  // The button that was pressed is gone with what it was on: the focus would fall back to the top of the page.
  useEffect(() => {
    if (document.activeElement === document.body) heading.current?.focus()
  }, [room?.id])

  function takeToken(identity: Identity) {
    if (identity.userId === phone.userId) phone.useToken(identity.token)
    else onToken(identity)
  }

  return (
    <main class="screen" data-in-call={room !== undefined}>
      <Incoming phone={phone} ringing={ringing} disabled={underWay !== undefined} inCall={room !== undefined} />
      <div class="heading" tabIndex={-1} ref={heading}>
        <p class="status" role="status">
          <Said sentence={status} />
        </p>
        {room && since !== undefined && <Elapsed since={since} />}
      </div>
      <Notices phone={phone} notices={state.notices} />
      <div class="call">
        {state.tokenRefused && <RefusedToken options={options} onToken={takeToken} />}
        {atHand && <Elsewhere phone={phone} room={atHand} />}
        {room ? (
          <>
            <Stage room={room} userId={phone.userId} tracks={state.tracks} media={state.media} />
            <Controls phone={phone} room={room} tracks={state.tracks} devices={state.devices} />
          </>
        ) : (
          !state.tokenRefused && (
            <>
              <Dial phone={phone} disabled={underWay !== undefined} />
              <Unheard phone={phone} state={state} />
            </>
          )
        )}
      </div>
      <aside class="panels">
        <EventList events={state.events} />
        <HistoryList
          phone={phone}
          history={state.history}
          elsewhere={new Set([...ringing, ...(room ? [room] : []), ...(atHand ? [atHand] : [])].map(({ id }) => id))}
          inCall={room !== undefined}
          disabled={underWay !== undefined}
        />
      </aside>
    </main>
  )
}
