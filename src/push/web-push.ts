import type { Clock } from '../core/clock.ts'
import type { WebhookSender } from '../webhooks/sender.ts'
import { encrypt } from './encryption.ts'
import type { PushMessage } from './message.ts'
import { isTemporary, type PushOutcome, reasonOf } from './outcome.ts'
import type { BrowserTarget } from './store.ts'
import type { VapidSigner } from './vapid.ts'

/** Milliseconds for one attempt: the end of the ringing waits for it. */
const TIMEOUT = 5_000

/** Sends messages to browsers: https://www.rfc-editor.org/rfc/rfc8030 */
export class WebPush {
  readonly #sender: Pick<WebhookSender, 'post'>
  readonly #signer: VapidSigner
  readonly #clock: Clock

  constructor(dependencies: { sender: Pick<WebhookSender, 'post'>; signer: VapidSigner; clock: Clock }) {
    this.#sender = dependencies.sender
    this.#signer = dependencies.signer
    this.#clock = dependencies.clock
  }

  /** Never rejects, except when the signal is aborted. */
  async send({ endpoint, keys }: BrowserTarget, message: PushMessage, signal: AbortSignal): Promise<PushOutcome> {
    try {
      const headers = {
        authorization: await this.#signer.authorization(endpoint),
        'content-type': 'application/octet-stream',
        'content-encoding': 'aes128gcm',
        ttl: String(this.#secondsUntil(message.until)),
        urgency: message.urgency,
        topic: message.topic,
        'user-agent': 'rtc-gateway-push/1',
      }
      const body = encrypt(JSON.stringify(message.call), keys)
      const { status, retryAfter } = await this.#sender.post({
        url: endpoint,
        headers,
        body,
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)]),
      })
      return outcomeOf(status, retryAfter)
    } catch (error) {
      signal.throwIfAborted()
      return { kind: 'retry', reason: reasonOf(error), after: undefined }
    }
  }

  /** At least 1: a message with TTL 0 is dropped unless the browser is connected at this moment. */
  #secondsUntil(until: Date): number {
    return Math.max(1, Math.ceil((until.getTime() - this.#clock.now().getTime()) / 1000))
  }
}

function outcomeOf(status: number, retryAfter: number | undefined): PushOutcome {
  if (status >= 200 && status < 300) return { kind: 'accepted' }
  // https://www.rfc-editor.org/rfc/rfc8030#section-7.3
  if (status === 404 || status === 410) return { kind: 'gone' }
  const reason = `the push service answered ${status}`
  return isTemporary(status) ? { kind: 'retry', reason, after: retryAfter } : { kind: 'refused', reason }
}
