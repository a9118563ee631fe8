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

/** The resources of one user. */
export interface Usage {
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
    return new ConnectionAccount(this, userId, user)
  }

  /** Called by an account that is closed. */
  disconnect(userId: string, user: Usage): void {
    user.connections -= 1
    if (user.connections === 0) this.#users.delete(userId)
  }

  /** Bytes of a user's active operations. */
  bytesOf(userId: string): number {
    return this.#users.get(userId)?.bytes ?? 0
  }
}

/** The resources of one connection. */
export class ConnectionAccount {
  readonly #held: HeldResources
  readonly #userId: string
  readonly #user: Usage
  #bytes = 0
  #closed = false

  constructor(held: HeldResources, userId: string, user: Usage) {
    this.#held = held
    this.#userId = userId
    this.#user = user
  }

  /**
   * Counts a new operation by its size; the caller must call `release` with the same size when it has ended.
   *
   * @throws RtcError RATE_LIMITED
   */
  hold(bytes: number): void {
    if (this.#bytes + bytes > CONNECTION_BYTES) {
      throw refuse(`The operations of a connection may have ${CONNECTION_BYTES} bytes in total; complete one first.`)
    }
    if (this.#user.bytes + bytes > USER.bytes) {
      throw refuse(`The operations of a user may have ${USER.bytes} bytes in total; complete one first.`)
    }
    this.#add(bytes)
  }

  release(bytes: number): void {
    this.#add(-bytes)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#held.disconnect(this.#userId, this.#user)
  }

  #add(bytes: number): void {
    this.#bytes += bytes
    this.#user.bytes += bytes
  }
}

const refuse = (message: string) => new RtcError('RATE_LIMITED', message, { retryAfter: RETRY_AFTER })
