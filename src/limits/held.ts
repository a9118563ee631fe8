import { RtcError } from '../core/errors.ts'

/** What one user may hold open at this node, over all doors that stay open. */
const USER = {
  /** Sockets and event streams. */
  connections: 20,
  /** Bytes of the operations under way, as they came: documents and variables. */
  bytes: 2 * 1024 * 1024,
} as const

/** Bytes of the operations under way on one connection. */
const CONNECTION_BYTES = 512 * 1024

/** Seconds after which a refused client may try again: what is held is released when its owner closes something. */
const RETRY_AFTER = 5

interface Holding {
  connections: number
  bytes: number
}

/** Counts what users hold open, and refuses what exceeds a bound. */
export class HeldResources {
  readonly #users = new Map<string, Holding>()

  /**
   * Counts one more connection of a user.
   *
   * @returns the connection's account, which must be closed
   * @throws RtcError RATE_LIMITED
   */
  connect(userId: string): ConnectionAccount {
    const user = this.#users.get(userId) ?? { connections: 0, bytes: 0 }
    if (user.connections >= USER.connections) {
      throw refuse(`A user may have ${USER.connections} sockets and event streams; close another first.`)
    }
    this.#users.set(userId, user)
    user.connections += 1
    return new ConnectionAccount(user, () => {
      user.connections -= 1
      if (user.connections === 0) this.#users.delete(userId)
    })
  }

  /** Bytes that a user's operations hold. */
  bytesOf(userId: string): number {
    return this.#users.get(userId)?.bytes ?? 0
  }
}

/** What one connection holds. */
export class ConnectionAccount {
  readonly #user: Holding
  readonly #onClose: () => void
  #bytes = 0
  #closed = false

  constructor(user: Holding, onClose: () => void) {
    this.#user = user
    this.#onClose = onClose
  }

  /**
   * Counts an operation of so many bytes.
   *
   * @returns what releases them
   * @throws RtcError RATE_LIMITED
   */
  hold(bytes: number): () => void {
    if (this.#bytes + bytes > CONNECTION_BYTES) {
      throw refuse(`The operations of a connection may have ${CONNECTION_BYTES} bytes together; end another first.`)
    }
    if (this.#user.bytes + bytes > USER.bytes) {
      throw refuse(`The operations of a user may have ${USER.bytes} bytes together; end another first.`)
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
