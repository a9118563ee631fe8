import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import {
  type AuthOptions,
  CLIENT_ERROR_CODES,
  type ClientOptions,
  type CreateRoomOptions,
  type InitOptions,
  type ListEventsOptions,
  type ListRoomsOptions,
  OpenChatClient,
  type RtcEventName,
} from '../../src/sdk/index.ts'
import { snippetsOf } from './snippets.ts'

// The compiler compares the names of types with those here, and the tests those here with the page.
type NamesOf<T> = Record<T extends T ? keyof T : never, true>
type OptionsOfClient = Record<
  | `server.${keyof ClientOptions['server']}`
  | `auth.${keyof AuthOptions}`
  | Exclude<keyof ClientOptions, 'server' | 'auth'>,
  true
>
const OPTIONS: Readonly<Record<string, object>> = {
  'new OpenChatClient': {
    'server.baseUrl': true,
    'auth.uid': true,
    'auth.token': true,
    'auth.refreshToken': true,
    im: true,
  } satisfies OptionsOfClient,
  'rtc.init': {
    provider: true,
    appId: true,
    appKey: true,
    deviceId: true,
    rtcConfiguration: true,
  } satisfies NamesOf<InitOptions>,
  'rtc.createRoom': {
    type: true,
    userId: true,
    userIds: true,
    mediaType: true,
    name: true,
    metadata: true,
    provider: true,
    requestId: true,
    access: true,
    maxParticipants: true,
  } satisfies NamesOf<CreateRoomOptions>,
  'rtc.getEvents': { first: true, after: true } satisfies NamesOf<ListEventsOptions>,
  'rtc.listRooms': {
    first: true,
    after: true,
    status: true,
    type: true,
    mediaType: true,
    peer: true,
  } satisfies NamesOf<ListRoomsOptions>,
}
const EVENTS = {
  incomingCall: true,
  roomUpdated: true,
  participantJoined: true,
  participantLeft: true,
  participantUpdated: true,
  trackAdded: true,
  trackRemoved: true,
  connectionStateChanged: true,
  mediaStarted: true,
  ended: true,
  devicesChanged: true,
  deviceFallback: true,
  error: true,
} satisfies Record<RtcEventName, true>

const page = await readFile(fileURLToPath(new URL('../../docs/sdk.md', import.meta.url)), 'utf8')
/** By what their headings name, without parameters. */
const sections = new Map(
  page
    .split(/^### `/m)
    .slice(1)
    .map((text) => [/^[^`(]+/.exec(text)?.[0] ?? '', text.split(/^## /m)[0] ?? '']),
)
const named = (prefix: string) =>
  [...sections.keys()].filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length))
const firstCells = (text: string) => [...text.matchAll(/^\| `([^`]+)`/gm)].map(([, name = '']) => name)

describe('docs/sdk.md', () => {
  const client = new OpenChatClient({ server: { baseUrl: 'http://localhost' }, auth: { uid: 'alice', token: '' } })
  const membersOf = (instance: object) =>
    [...Object.getOwnPropertyNames(Object.getPrototypeOf(instance)), ...Object.keys(instance)].filter(
      (name) => name !== 'constructor',
    )

  it('has every method and property of the SDK, and no other', () => {
    expect(named('client.').toSorted()).toEqual(membersOf(client).toSorted())
    expect(named('rtc.').toSorted()).toEqual(membersOf(client.rtc).toSorted())
  })

  it('has every event, and no other', () => {
    const events = [...sections.keys()].filter((name) => !name.includes('.') && !name.startsWith('new '))
    expect(events.toSorted()).toEqual(Object.keys(EVENTS).toSorted())
  })

  it('has every option, and no other', () => {
    for (const [name, text] of sections) {
      expect([name, ...firstCells(text).toSorted()]).toEqual([name, ...Object.keys(OPTIONS[name] ?? {}).toSorted()])
    }
    expect([...sections.keys()]).toEqual(expect.arrayContaining(Object.keys(OPTIONS)))
  })

  it('has every error code of the SDK, and no other', () => {
    const errors = page.split(/^## /m).find((text) => text.startsWith('Errors')) ?? ''
    expect(firstCells(errors)).toEqual([...CLIENT_ERROR_CODES])
  })

  it('has an example of each', () => {
    const without = [...sections].filter(([name, text]) => {
      const word = name.replace(/^new |^client\.|^rtc\./, '')
      return name !== 'client.rtc' && !snippetsOf(text).some((code) => code.includes(word))
    })
    expect(without.map(([name]) => name)).toEqual([])
  })
})
