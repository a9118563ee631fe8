/** Long-lived connections of users, which an administrator can list and close. */
export const CONNECTION_KINDS = ['websocket', 'event_stream'] as const
export type ConnectionKind = (typeof CONNECTION_KINDS)[number]

export interface OpenConnection {
  readonly kind: ConnectionKind
  readonly openedAt: Date
  /** Ends the connection; its client may connect again. Must not throw. */
  close(): void
}

/** The open connections at this node, by user. */
export class Connections {
  readonly #byUser = new Map<string, Set<OpenConnection>>()
  readonly #counts: Record<ConnectionKind, number> = { websocket: 0, event_stream: 0 }

  /** Numbers of open connections, and of users with at least one. */
  get figures(): { readonly sockets: number; readonly eventStreams: number; readonly users: number } {
    return { sockets: this.#counts.websocket, eventStreams: this.#counts.event_stream, users: this.#byUser.size }
  }

  of(userId: string): readonly OpenConnection[] {
    return [...(this.#byUser.get(userId) ?? [])]
  }

  /** Registers an open connection. Returns a function that removes it and may be called more than once. */
  add(userId: string, connection: OpenConnection): () => void {
    const connections = this.#byUser.get(userId) ?? new Set()
    this.#byUser.set(userId, connections.add(connection))
    this.#counts[connection.kind] += 1
    return () => this.remove(userId, connection)
  }

  /** Removes a connection, if it is registered. */
  remove(userId: string, connection: OpenConnection): void {
    const connections = this.#byUser.get(userId)
    if (!connections?.delete(connection)) return
    this.#counts[connection.kind] -= 1
    if (connections.size === 0) this.#byUser.delete(userId)
  }
}
