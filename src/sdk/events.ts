import type { MediaDeviceInfo } from './dom.ts'
import type { RtcError } from './errors.ts'
import type { ConnectionState, Track } from './media/media.ts'
import type { EndReason, IncomingCall, Participant, Room, RoomUpdate } from './model.ts'

/** Why one's own part in a room is over: the room's end, or what happened to oneself alone. */
export type EndedReason = EndReason | 'left' | 'removed' | 'replaced' | 'disconnected'

/** What each event brings. */
export interface RtcEvents {
  /** A call begins to ring, or ceases to. Listening for it subscribes; each listener is told first what rings already. */
  incomingCall: IncomingCall
  /** Everything that happens in the room that was joined. */
  roomUpdated: RoomUpdate
  participantJoined: { readonly participant: Participant; readonly room: Room }
  participantLeft: { readonly participant: Participant; readonly room: Room }
  /** What somebody publishes, or whether they are connected, has changed. */
  participantUpdated: { readonly participant: Participant; readonly room: Room }
  trackAdded: Track
  /** The same object as was added. */
  trackRemoved: Track
  /**
   * `gateway`: the event stream. `media`: the peer `userId`, or with `null` the provider's one connection. `unreachable`
   * is a peer whose media does not arrive; `connectionInfo.peers` and the event `error` say why.
   */
  connectionStateChanged: {
    readonly of: 'gateway' | 'media'
    readonly userId: string | null
    readonly state: ConnectionState
  }
  /**
   * The first media connection of this stay has come about: a call's timer starts now. `at` is in milliseconds of this
   * machine's clock, as `connectionInfo.mediaStartedAt`.
   */
  mediaStarted: { readonly at: number }
  /** The room that was joined is over for this user, whoever ended it. */
  ended: { readonly room: Room; readonly reason: EndedReason }
  /** Cameras or microphones were plugged in or out. */
  devicesChanged: { readonly devices: readonly MediaDeviceInfo[] }
  /** The device that was chosen is not there any more, and the default one is used in its place. */
  deviceFallback: {
    readonly source: 'camera' | 'microphone'
    /** Of the one that has gone. */
    readonly deviceId: string
  }
  /** What went wrong outside any call; what a call throws is not reported here. */
  error: RtcError
}

/** What can be listened for. */
export type RtcEventName = keyof RtcEvents
/** Takes what an event brings. It may be asynchronous; nobody waits for it. */
export type RtcListener<Name extends RtcEventName> = (event: RtcEvents[Name]) => unknown

/** Hands events to their listeners, in the order these were added. A listener that fails hinders nobody. */
export class Emitter {
  readonly #listeners = new Map<RtcEventName, Set<RtcListener<RtcEventName>>>()

  on<Name extends RtcEventName>(name: Name, listener: RtcListener<Name>): void {
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners.add(listener as RtcListener<RtcEventName>))
  }

  off<Name extends RtcEventName>(name: Name, listener: RtcListener<Name>): void {
    this.#listeners.get(name)?.delete(listener as RtcListener<RtcEventName>)
  }

  has(name: RtcEventName): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0
  }

  /** @param only - the one listener to tell, if it listens still; by default all of them */
  emit<Name extends RtcEventName>(name: Name, event: RtcEvents[Name], only?: RtcListener<Name>): void {
    // As it is now: one that takes itself off and on again is not heard twice.
    for (const listener of Array.from(this.#listeners.get(name) ?? [])) {
      if (only && listener !== only) continue
      const failed = (error: unknown) => console.error(`@openchat/sdk: a listener for ${name} has failed`, error)
      try {
        Promise.resolve(listener(event)).catch(failed)
      } catch (error) {
        failed(error)
      }
    }
  }

  clear(): void {
    this.#listeners.clear()
  }
}
