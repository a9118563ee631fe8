import type { RoomUpdate } from '../events/event.ts'
import type { Room, RoomEventType } from '../rooms/model.ts'

/**
 * A receiver of events outside of the gateway: a webhook endpoint, a media server, a chat server. It receives every event
 * that it wants, at least once, and those of one room in order. Its failures delay the room concerned; other rooms, other
 * destinations and commands do not wait.
 */
export interface Destination {
  /** Stable across restarts: the cursor in the database belongs to it. At most 200 characters. */
  readonly id: string
  /** A destination that has answered `disable` is tried again when this value has changed. @default constant */
  readonly version?: string
  /** The kind, for logs and metrics; a short constant such as `webhook`. */
  readonly kind: string
  /**
   * False for a destination that delivers only the backlog with which it was created, and is deleted when the backlog is
   * empty. @default true
   */
  readonly follows?: boolean
  /** Rooms whose events are delivered at the same time. @default 32 */
  readonly parallel?: number
  /** Whether the destination wants events of this type and room. Other events are not read from the log. */
  wants(event: LoggedEvent): boolean
  /**
   * Delivers one event. The next event of the room follows when the outcome is `delivered` or `given up`. An exception
   * counts as `retry`.
   *
   * The same event is delivered again if the gateway stops before it has recorded the outcome, so the receiver must be
   * able to recognise a repetition, for instance by the room's id and `seq`.
   */
  deliver(update: RoomUpdate, attempt: DeliveryAttempt): Promise<DeliveryOutcome>
  /**
   * Milliseconds between the failed attempt and the next one; null after the last attempt.
   *
   * @param attempts - the failed attempts so far, from 1
   * @default `backOff`, which never gives up
   */
  delayAfter?(attempts: number): number | null
}

/** An event as listed in the log, without its content. */
export interface LoggedEvent {
  readonly roomId: string
  readonly type: RoomEventType
}

export interface DeliveryAttempt {
  /** 1 for the first attempt. */
  readonly number: number
  /** No attempt follows a failure of this one. */
  readonly isLast: boolean
  /** The room before the event; null for its first event. */
  readonly before: Room | null
  /** The event after this one, if it has been read; events of the same commit almost always have. */
  readonly next: RoomUpdate | null
  /** Aborted when another node may deliver to the destination, or when this node stops. */
  readonly signal: AbortSignal
}

export type DeliveryOutcome =
  | { readonly kind: 'delivered' }
  /** The event is delivered again later, and the room's further events after it. */
  | {
      readonly kind: 'retry'
      /** Minimum of milliseconds until the next attempt. */
      readonly after?: number
      /** The destination is overloaded: milliseconds for which no event of any room is delivered, at most an hour. */
      readonly pause?: number
    }
  /** The event is skipped. */
  | { readonly kind: 'given up' }
  /** Delivery stops until {@link DestinationKind.list} returns the destination with another version. */
  | { readonly kind: 'disable' }

export const DELIVERED: DeliveryOutcome = { kind: 'delivered' }

/** The destinations of one kind. */
export interface DestinationKind {
  /**
   * The current destinations. Called every few seconds at every node, and after `Dispatcher.refresh`. A destination that is
   * listed for the first time receives the events committed from then on. One that is no longer listed receives nothing; if
   * it is listed again, it receives what it has missed.
   */
  list(): Promise<readonly Destination[]>
}

const FIRST_DELAY = 1_000
const MAX_DELAY = 5 * 60_000

/** 1 s, 2 s, 4 s, … up to 5 minutes, each with jitter: between half of it and all of it. */
export const backOff = (attempts: number): number =>
  Math.min(FIRST_DELAY * 2 ** (attempts - 1), MAX_DELAY) * (0.5 + Math.random() / 2)

/** A kind with constant destinations, for instance those of the configuration. */
export const constantKind = (...destinations: readonly Destination[]): DestinationKind => ({
  list: () => Promise.resolve(destinations),
})
