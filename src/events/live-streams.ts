import type { Room, RoomEvent } from '../rooms/model.ts'
import type { StreamNotice } from './notice.ts'

/**
 * All live streams of one kind at this node: of rooms (`Hub`), of incoming calls (`IncomingCalls`), of signals
 * (`Signals`). Everything that may be new for their subscribers reaches them by one of these methods; `app.ts` holds the
 * list of kinds.
 *
 * An event of a room takes seven steps from its commit to the socket:
 *
 * 1. `Executor` (`rooms/executor.ts`) commits it and calls `committed` of every kind.
 * 2. `Bus` (`events/bus.ts`) carries a notice to the other nodes, which call `notice`. The job of `events/catch-up.ts`
 *    calls `check` every two seconds, so that a lost notice delays an event and never loses it.
 * 3. `Hub` (`events/hub.ts`) applies it to the room once per node, in order; gaps are filled from the log.
 * 4. `RoomStream` (`events/stream.ts`) is one subscriber's sequence: backfill from the log → cutover → live.
 * 5. `Delivery` (`events/delivery.ts`) connects one stream with one connection, and decides what is written when.
 * 6. `FanOut` (`events/fan-out.ts`) makes the message once for all subscribers who see the same, in time slices.
 * 7. `SocketWriter` (`graphql/socket-writer.ts`), or `EventStream` (`http/event-stream.ts`), writes it to the socket
 *    through a bounded queue.
 */
export interface LiveStreams {
  /** This node has committed events; `room` is the room after them. Also sends the notices. Must not throw or wait. */
  committed(room: Room, events: readonly RoomEvent[]): void
  /** Another node has sent a notice. Must not throw or wait. */
  notice(notice: StreamNotice): void
  /** Compares what the subscribers have with the database, in case a notice was lost. */
  check(): Promise<void>
  /** Ends every stream. */
  close(): void
}
