import type { MediaDeviceInfo } from './dom.ts'
import type { RtcError } from './errors.ts'
import type { ConnectionState, Track } from './media/media.ts'
import type { EndReason, IncomingCall, Participant, Room, RoomUpdate } from './model.ts'

/** Why this user's session ended: the room's own end reason, or what happened to this participant alone. */
export type EndedReason = EndReason | 'left' | 'removed' | 'replaced' | 'disconnected'

/** The payload of each event. */
export interface RtcEvents {
  /** A call starts or stops ringing. A listener subscribes and first receives the calls that ring already. */
  incomingCall: IncomingCall
  /** Every event of the joined room. */
  roomUpdated: RoomUpdate
  participantJoined: { readonly participant: Participant; readonly room: Room }
  participantLeft: { readonly participant: Participant; readonly room: Room }
  /** A participant's published media or connection state changed. */
  participantUpdated: { readonly participant: Participant; readonly room: Room }
  trackAdded: Track
  /** The same object as in `trackAdded`. */
  trackRemoved: Track
  /**
   * `gateway`: the event stream. `media`: the connection to the peer `userId`, or with `null` the one to the provider.
   * `unreachable`: the peer's media does not arrive; `connectionInfo.peers` and the event `error` name the cause.
   */
  connectionStateChanged: {
    readonly of: 'gateway' | 'media'
    readonly userId: string | null
    readonly state: ConnectionState
  }
  /**
   * The first media connection of this session is established: start a call's timer now. `at` is in milliseconds of the
   * local clock, as `connectionInfo.mediaStartedAt`.
   */
  mediaStarted: { readonly at: number }
  /** This user's session in the joined room has ended, for whatever reason. */
  ended: { readonly room: Room; readonly reason: EndedReason }
  /** Cameras or microphones were plugged in or out. */
  devicesChanged: { readonly devices: readonly MediaDeviceInfo[] }
  /** The selected device is gone; the default one is used instead. */
  deviceFallback: {
    readonly source: 'camera' | 'microphone'
    /** The id of the device that is gone. */
    readonly deviceId: string
  }
  /** An error outside any method call; errors that a method throws are not emitted. */
  error: RtcError
}

/** The name of an event. */
export type RtcEventName = keyof RtcEvents
/** Receives an event's payload. May be asynchronous; the client does not wait for it. */
export type RtcListener<Name extends RtcEventName> = (event: RtcEvents[Name]) => unknown

/** Calls listeners in the order they were added. A listener that throws or rejects does not affect the others. */
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

  /** @param only - call this listener alone, if it is still registered; by default all of them */
  emit<Name extends RtcEventName>(name: Name, event: RtcEvents[Name], only?: RtcListener<Name>): void {
    // Iterates over a copy: a listener that removes and adds itself again is not called twice.
    for (const listener of Array.from(this.#listeners.get(name) ?? [])) {
      if (only && listener !== only) continue
      const failed = (error: unknown) => console.error(`@openchat/sdk: a listener for ${name} failed`, error)
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
