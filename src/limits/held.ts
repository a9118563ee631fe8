import { RtcError } from '../core/errors.ts'

/** Maximum resources of one user at this node, over WebSockets and event streams. */
const USER = {
  /** WebSockets and event streams. */
  connections: 20,
  /** Bytes of the active operations as received: documents and variables. */
  bytes: 2 * 1024 * 1024,
} as const

/** Maximum bytes of the active operations on one connection. */
const CONNECTION_BYTES = 512 * 1024

/** Seconds after which a refused client may retry. An estimate: resources are released when the user closes a stream. */
const RETRY_AFTER = 5

interface Usage {
  connections: number
  bytes: number
}

/** Counts each user's open connections and the bytes of their operations, and enforces the maxima. */
export class HeldResources {
  readonly #users = new Map<string, Usage>()

  /**
   * Counts a new connection of a user.
   *
   * @returns the connection's account, which must be closed
   * @throws RtcError RATE_LIMITED
   */
  connect(userId: string): ConnectionAccount {
    const user = this.#users.get(userId) ?? { connections: 0, bytes: 0 }
    if (user.connections >= USER.connections) {
      throw refuse(`A user may have ${USER.connections} sockets and event streams; close one first.`)
    }
    this.#users.set(userId, user)
    user.connections += 1
    return new ConnectionAccount(user, () => {
      user.connections -= 1
      if (user.connections === 0) this.#users.delete(userId)
    })
  }

  /** Bytes of a user's active operations. */
  bytesOf(userId: string): number {
    return this.#users.get(userId)?.bytes ?? 0
  }
}

/** The resources of one connection. */
export class ConnectionAccount {
  readonly #user: Usage
  readonly #onClose: () => void
  #bytes = 0
  #closed = false

  constructor(user: Usage, onClose: () => void) {
    this.#user = user
    this.#onClose = onClose
  }

  /**
   * Counts a new operation by its size.
   *
   * @returns a function that releases the bytes
   * @throws RtcError RATE_LIMITED
   */
  hold(bytes: number): () => void {
    if (this.#bytes + bytes > CONNECTION_BYTES) {
      throw refuse(`The operations of a connection may have ${CONNECTION_BYTES} bytes in total; complete one first.`)
    }
    if (this.#user.bytes + bytes > USER.bytes) {
      throw refuse(`The operations of a user may have ${USER.bytes} bytes in total; complete one first.`)
    }
    this.#add(bytes)
    let held = true
    return () => {
      if (held) this.#add(-bytes)
      held = false
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#onClose()
  }

  #add(bytes: number): void {
    this.#bytes += bytes
    this.#user.bytes += bytes
  }
}

const refuse = (message: string) => new RtcError('RATE_LIMITED', message, { retryAfter: RETRY_AFTER })
