import type { ConnectionState, EndedReason, MediaSource, Room, Track } from '../sdk/index.ts'
import type { PushState } from './browser-push.ts'
import type { Sentence } from './sentence.ts'
import type { ListedEvent } from './sentences.ts'

/** An error message that is shown until it is dismissed. */
export interface Notice {
  readonly code: string
  readonly source: MediaSource | undefined
  readonly text: Sentence
  /** The peer that it concerns; dismissed once that peer is connected. */
  readonly userId?: string | undefined
}

export interface PhoneState {
  readonly gateway: ConnectionState
  /** The gateway refused the token; the page asks for another one. */
  readonly tokenRefused: boolean
  /** Status text of the call or answer in progress. */
  readonly pending: Sentence | undefined
  /** Calls that ring, including those of silenced and blocked callers. */
  readonly ringing: readonly Room[]
  /** Callers that neither ring nor show until the page is reloaded. */
  readonly silenced: ReadonlySet<string>
  /** Users whose calls ring on none of this user's devices. */
  readonly blocked: readonly string[]
  /** The call that this page has joined, as of its last event. */
  readonly room: Room | undefined
  /** A call that the user is in with another tab or device. */
  readonly otherDeviceCall: Room | undefined
  /** Start of the call's timer, in milliseconds of the local clock; undefined until media is connected. */
  readonly timerStart: number | undefined
  readonly tracks: readonly Track[]
  /** State of the connection to each peer, by user. */
  readonly peerStates: ReadonlyMap<string, ConnectionState>
  /** Events of the current call, or of the last one, newest first. */
  readonly events: readonly ListedEvent[]
  /** How the last call ended, or why a call stopped ringing. */
  readonly lastOutcome: { readonly room: Room; readonly reason: EndedReason } | { readonly text: Sentence } | undefined
  readonly devices: readonly MediaDeviceInfo[]
  readonly notices: readonly Notice[]
  readonly push: PushState
  readonly history: { readonly rooms: readonly Room[]; readonly next: string | null; readonly loaded: boolean }
}

export const NO_CALL = {
  room: undefined,
  timerStart: undefined,
  tracks: [],
  peerStates: new Map(),
} as const satisfies Partial<PhoneState>

export const INITIAL: PhoneState = {
  ...NO_CALL,
  gateway: 'connecting',
  tokenRefused: false,
  pending: undefined,
  ringing: [],
  silenced: new Set(),
  blocked: [],
  otherDeviceCall: undefined,
  events: [],
  lastOutcome: undefined,
  devices: [],
  notices: [],
  push: 'unavailable',
  history: { rooms: [], next: null, loaded: false },
}

/** The calls that the page shows as ringing: the latest of each caller who is neither silenced nor blocked. */
export function ringingCalls({ ringing, silenced, blocked }: PhoneState): readonly Room[] {
  const byCaller = new Map(ringing.map((room) => [room.callerId, room]))
  return [...byCaller.values()].filter(({ callerId }) => !silenced.has(callerId) && !blocked.includes(callerId))
}
