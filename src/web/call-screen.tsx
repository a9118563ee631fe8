import { useEffect, useRef } from 'preact/hooks'
import { Controls } from './controls.tsx'
import { CallForm } from './call-form.tsx'
import { Elapsed } from './elapsed.tsx'
import { OtherDeviceCall } from './other-device-call.tsx'
import { EventList } from './event-list.tsx'
import { HistoryList } from './history-list.tsx'
import type { Identity } from './identity.ts'
import { IncomingCalls } from './incoming-calls.tsx'
import { PushSwitch } from './push-switch.tsx'
import { Notices } from './notices.tsx'
import type { Phone } from './phone.ts'
import { ringingCalls } from './phone-state.ts'
import { SentenceText } from './sentence-text.tsx'
import { isolated } from './sentence.ts'
import { Stage } from './stage.tsx'
import { statusOf } from './status.ts'
import { useStore } from './store.ts'
import { RefusedTokenForm, type TokenFormProps } from './token-form.tsx'
import { MutedCallers } from './muted-callers.tsx'

/** The page of a signed-in user: incoming calls, the current call or the call form, events and history. */
export function CallScreen({ phone, options, onToken }: TokenFormProps & { phone: Phone }) {
  const state = useStore(phone.store)
  const { room, timerStart, pending, otherDeviceCall } = state
  const ringing = ringingCalls(state)
  const takeOver = room === undefined && pending === undefined ? otherDeviceCall : undefined
  const status = statusOf(state, phone.userId)
  const heading = useRef<HTMLDivElement>(null)
  const caller = ringing[0]?.callerId

  useEffect(() => {
    document.title = caller === undefined ? `${isolated(phone.userId)} · Calls` : `${isolated(caller)} is calling`
  }, [caller, phone])

  // The button that was pressed is removed with its view; without this, the focus returns to the top of the page.
  useEffect(() => {
    if (document.activeElement === document.body) heading.current?.focus()
  }, [room?.id])

  function takeToken(identity: Identity) {
    if (identity.userId === phone.userId) phone.useToken(identity.token)
    else onToken(identity)
  }

  return (
    <main class="screen" data-in-call={room !== undefined}>
      <IncomingCalls phone={phone} ringing={ringing} disabled={pending !== undefined} inCall={room !== undefined} />
      <div class="heading" tabIndex={-1} ref={heading}>
        <p class="status" role="status">
          <SentenceText sentence={status} />
        </p>
        {room && timerStart !== undefined && <Elapsed since={timerStart} />}
      </div>
      <Notices phone={phone} notices={state.notices} />
      <div class="call">
        {state.tokenRefused && <RefusedTokenForm options={options} onToken={takeToken} />}
        {takeOver && <OtherDeviceCall phone={phone} room={takeOver} />}
        {room ? (
          <>
            <Stage room={room} userId={phone.userId} tracks={state.tracks} media={state.peerStates} />
            <Controls phone={phone} room={room} tracks={state.tracks} devices={state.devices} />
          </>
        ) : (
          !state.tokenRefused && (
            <>
              <CallForm phone={phone} disabled={pending !== undefined} />
              <PushSwitch phone={phone} state={state.push} />
              <MutedCallers phone={phone} state={state} />
            </>
          )
        )}
      </div>
      <aside class="panels">
        <EventList events={state.events} />
        <HistoryList
          phone={phone}
          history={state.history}
          shownRooms={
            new Set([...ringing, ...(room ? [room] : []), ...(takeOver ? [takeOver] : [])].map(({ id }) => id))
          }
          inCall={room !== undefined}
          disabled={pending !== undefined}
        />
      </aside>
    </main>
  )
}
