import type { MediaDeviceInfo } from './dom.ts'
import type { RtcError } from './errors.ts'
import type { ConnectionState, Track } from './media/media.ts'
import type { EndReason, IncomingCall, Participant, Room, RoomUpdate } from './model.ts'

/**
 * Why this user's session ended: the room's own {@link EndReason}, or what happened to this participant alone: `left`,
 * `removed` by the host, `replaced` by another device or client of the user, `disconnected` for longer than the grace.
 */
export type EndedReason = EndReason | 'left' | 'removed' | 'replaced' | 'disconnected'

/** The events of {@link RtcClient.on}, and the payload of each. */
export interface RtcEvents {
  /**
   * A call starts ringing (`type` is `ringing`) or stops (any other type). A listener subscribes and first receives the
   * calls that ring already.
   */
  incomingCall: IncomingCall
  /** Every event of the joined room, exactly once and in order, also across lost connections. */
  roomUpdated: RoomUpdate
  /** A participant has joined. */
  participantJoined: {
    /** The participant as of this event. */
    readonly participant: Participant
    /** The room as of this event. */
    readonly room: Room
  }
  /** A participant has left or was removed; `leaveReason` says which. */
  participantLeft: {
    /** The participant as of this event. */
    readonly participant: Participant
    /** The room as of this event. */
    readonly room: Room
  }
  /** Anything else of a participant changed: published media, connection state, invitation, how far its ring got. */
  participantUpdated: {
    /** The participant as of this event. */
    readonly participant: Participant
    /** The room as of this event. */
    readonly room: Room
  }
  /** A source was published, by this user (`local`) or by another participant. */
  trackAdded: Track
  /** A source is no longer published. The same object as in `trackAdded`. */
  trackRemoved: Track
  /** The state of a connection has changed. */
  connectionStateChanged: {
    /** The event stream of the gateway, or media. */
    readonly of: 'gateway' | 'media'
    /** With `media`: the peer, or `null` for the provider's one connection. `null` with `gateway`. */
    readonly userId: string | null
    /** `unreachable` is a peer whose media does not arrive; `connectionInfo.peers` and the event `error` say why. */
    readonly state: ConnectionState
  }
  /** The first media connection of this session is established: start a call's timer now. */
  mediaStarted: {
    /** When, in milliseconds, as `Date.now()` and `connectionInfo.mediaStartedAt`. */
    readonly at: number
  }
  /** This user's session in the joined room has ended, for whatever reason. */
  ended: {
    /** The room as of its last event that was seen. */
    readonly room: Room
    /** Why it is over. */
    readonly reason: EndedReason
  }
  /** Cameras or microphones were plugged in or out. */
  devicesChanged: {
    /** Those that there are now. */
    readonly devices: readonly MediaDeviceInfo[]
  }
  /** The selected device is gone; the default one is used instead. */
  deviceFallback: {
    /** What it captured. */
    readonly source: 'camera' | 'microphone'
    /** The id of the device that is gone. */
    readonly deviceId: string
  }
  /**
   * An error outside any method call, for instance a refused token or a peer whose media does not arrive. Errors that a
   * method throws are not emitted.
   */
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
