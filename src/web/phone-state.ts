import type { ConnectionState, EndedReason, MediaSource, Room, Track } from '../sdk/index.ts'
import type { Sentence } from './sentence.ts'
import type { ListedEvent } from './sentences.ts'

/** Something that went wrong and stays until it is read. */
export interface Notice {
  readonly code: string
  readonly source: MediaSource | undefined
  readonly text: Sentence
  /** Whom it concerns alone. */
  readonly userId?: string | undefined
}

export interface PhoneState {
  readonly gateway: ConnectionState
  /** The gateway takes the token no more and another one is waited for. */
  readonly tokenRefused: boolean
  /** What the user has asked for and is still under way. */
  readonly pending: Sentence | undefined
  /** Calls that ring here. */
  readonly ringing: readonly Room[]
  /** Callers who neither ring nor show until the page is loaded again. */
  readonly silenced: ReadonlySet<string>
  /** Callers who never ring for this user, on any device. */
  readonly blocked: readonly string[]
  /** The call that this page is in, as of its last event. */
  readonly room: Room | undefined
  /** The call that another tab or device of the user is in. */
  readonly otherDeviceCall: Room | undefined
  /** When the first second with media began, by this machine's clock, in milliseconds. */
  readonly timerStart: number | undefined
  readonly tracks: readonly Track[]
  /** State of the connection to each peer, by user. */
  readonly peerStates: ReadonlyMap<string, ConnectionState>
  /** Of the call, or of the last one; the newest first. */
  readonly events: readonly ListedEvent[]
  /** How the last call was over, or how something stopped ringing. */
  readonly lastOutcome: { readonly room: Room; readonly reason: EndedReason } | { readonly text: Sentence } | undefined
  readonly devices: readonly MediaDeviceInfo[]
  readonly notices: readonly Notice[]
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
  history: { rooms: [], next: null, loaded: false },
}

/** What rings, one call for each caller: the latest. */
export function ringingCalls({ ringing, silenced, blocked }: PhoneState): readonly Room[] {
  const byCaller = new Map(ringing.map((room) => [room.callerId, room]))
  return [...byCaller.values()].filter(({ callerId }) => !silenced.has(callerId) && !blocked.includes(callerId))
}
