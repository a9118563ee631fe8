import { createElement, StrictMode, useEffect, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { OpenChatClient, RtcError } from '@openchat/sdk'

export interface CallProps {
  readonly uid: string
  readonly token: string
  readonly roomId: string
}

/** The test's controls of the application. */
export interface ReactPage {
  /** Renders a call for each key; another key is another component. */
  render(keys: readonly string[]): void
  /** Resolves when every destroyed client has finished. */
  readonly departures: Promise<unknown>[]
  readonly clients: OpenChatClient[]
}

declare global {
  var startReactPage: (props: CallProps) => void
  var reactPage: ReactPage
}

/** A typical component: its client lives as long as it is mounted. */
function Call({ name, uid, token, roomId }: CallProps & { name: string }) {
  const [state, setState] = useState('joining')
  useEffect(() => {
    const client = new OpenChatClient({ server: { baseUrl: location.origin }, auth: { uid, token } })
    globalThis.reactPage.clients.push(client)
    let mounted = true
    const show = (text: string) => mounted && setState(text)
    client.rtc.on('roomUpdated', ({ room }) => show(room.status))
    client.rtc.on('ended', ({ reason }) => show(`ended ${reason}`))
    client.rtc.joinRoom(roomId).then(
      (room) => show(room.status),
      (error: unknown) => show(error instanceof RtcError ? error.code : String(error)),
    )
    return () => {
      mounted = false
      globalThis.reactPage.departures.push(client.destroy())
    }
  }, [uid, token, roomId])
  return createElement('p', { 'data-call': name }, state)
}

globalThis.startReactPage = (props) => {
  const root = createRoot(document.body.appendChild(document.createElement('div')))
  const render = (keys: readonly string[]) =>
    root.render(
      createElement(
        StrictMode,
        null,
        keys.map((key) => createElement(Call, { ...props, key, name: key })),
      ),
    )
  globalThis.reactPage = { render, departures: [], clients: [] }
}
