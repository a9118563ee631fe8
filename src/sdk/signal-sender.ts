import { upper } from './convert.ts'
import { type RtcError, toRtcError } from './errors.ts'
import type { Gateway } from './gateway.ts'
import { SendSignalDocument } from './generated/graphql.ts'
import type { SignalType } from './model.ts'

export interface SignalSenderOptions {
  readonly gateway: Gateway
  readonly roomId: string
  /** Aborted when the session is closed; pending signals are then dropped. */
  readonly signal: AbortSignal
  /** Must not throw. */
  onError(error: RtcError): void
}

/** Milliseconds for which a signal is retried while the gateway cannot be reached. */
const RETRY_FOR = 60_000

/** Sends signals in order per addressee; drops a signal whose addressee has left. */
export class SignalSender {
  readonly #options: SignalSenderOptions
  /** Tail of the pending signals per addressee; preserves order. */
  readonly #tails = new Map<string, Promise<void>>()

  constructor(options: SignalSenderOptions) {
    this.#options = options
  }

  /** Resolves when the gateway has the signal, or when it was dropped. */
  send(toId: string, type: SignalType, payload: Readonly<Record<string, unknown>>): Promise<void> {
    const { gateway, roomId, signal, onError } = this.#options
    const input = { roomId, toId, type: upper(type), payload }
    const sent = (this.#tails.get(toId) ?? Promise.resolve()).then(async () => {
      if (signal.aborted) return
      try {
        await gateway.request(SendSignalDocument, { input }, { retryFor: RETRY_FOR, signal })
      } catch (thrown) {
        const error = toRtcError(thrown, 'INTERNAL')
        const isGone = error.code === 'FORBIDDEN' || error.code === 'ROOM_ENDED' || error.code === 'NOT_FOUND'
        if (!isGone && !signal.aborted) onError(error)
      }
    })
    this.#tails.set(toId, sent)
    return sent
  }
}
