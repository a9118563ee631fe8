import type { Room, RoomEvent } from '../rooms/model.ts'
import type { StreamNotice } from './notice.ts'

/**
 * All live streams of one kind at this node: rooms (`Hub`), incoming calls (`IncomingCalls`) or signals (`Signals`). These
 * methods report possible news for their subscribers. `app.ts` holds the list of kinds.
 *
 * An event of a room passes through seven parts from its commit to the socket:
 *
 * 1. `Executor` (`rooms/executor.ts`) commits it and calls `committed` of every kind.
 * 2. `Bus` (`events/bus.ts`) sends a notice to the other nodes, which call `notice`. The job in `events/catch-up.ts`
 *    calls `check` every two seconds, so that a lost notice delays an event but does not lose it.
 * 3. `Hub` (`events/hub.ts`) applies it to the room once per node, in order, and fills gaps from the log.
 * 4. `RoomStream` (`events/stream.ts`) is the stream of one subscriber: backfill from the log → cutover → live.
 * 5. `Delivery` (`events/delivery.ts`) writes one stream to one connection: backfill with backpressure, then live.
 * 6. `FanOut` (`events/fan-out.ts`) creates the message once for all subscribers with the same view, in time slices.
 * 7. `SocketWriter` (`graphql/socket-writer.ts`), or `EventStream` (`http/event-stream.ts`), writes it to the socket
 *    through a bounded queue.
 */
export interface LiveStreams {
  /**
   * Called when this node has committed events; `room` includes them. Also sends the notices to the other nodes. Must
   * neither throw nor block.
   */
  committed(room: Room, events: readonly RoomEvent[]): void
  /** Called with a notice of another node. Must neither throw nor block. */
  notice(notice: StreamNotice): void
  /** Compares the subscribers' cursors with the database, in case a notice was lost. */
  check(): Promise<void>
  /** Ends every stream. */
  close(): void
}
