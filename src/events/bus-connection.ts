import type { Notice } from './notice.ts'

/** A connection over which a node exchanges notices with the others. Each kind of bus implements it. */
export interface BusConnection {
  /** Sends notices; resolves when the server has accepted them. */
  send(notices: readonly Notice[]): Promise<{ readonly payloads: number }>
  /**
   * Requests the notices of topics, on a selective bus. Notices sent after the promise has resolved arrive. Never rejects;
   * undefined on a bus that is not selective.
   */
  watch(topics: readonly string[]): Promise<void> | undefined
  unwatch(topic: string): void
  /** Disconnects; `onLost` is not called. */
  close(): void
}

/** What a connection reports. Handlers must not throw. */
export interface BusHandlers {
  /** Called with the notices of other nodes. */
  onNotices(notices: readonly Notice[]): void
  /** Called when what this node sent last has passed the server. */
  onReturned(): void
  /** Called at most once, when the connection is lost. */
  onLost(error: Error): void
}

export interface BusTransport {
  /** Whether nodes receive only notices of the topics that they watch. If not, every node receives every notice. */
  readonly selective: boolean
  /** Opens a connection. Rejects if it cannot be opened in a few seconds. */
  connect(handlers: BusHandlers): Promise<BusConnection>
}
