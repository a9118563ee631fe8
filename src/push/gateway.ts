import type { PushMessage } from './message.ts'
import { isTemporary, type PushOutcome, reasonOf } from './outcome.ts'
import type { AppTarget } from './store.ts'

/** Milliseconds for one attempt: the end of the ringing waits for it. */
const TIMEOUT = 5_000
/** Bytes of a response that are read. */
const RESPONSE_MAX = 64 * 1024

/**
 * Sends messages to apps through a push gateway, such as Sygnal:
 * https://spec.matrix.org/latest/push-gateway-api/#post_matrixpushv1notify
 */
export class PushGateway {
  readonly #url: string

  /** @param url - complete, of the configuration; it may have a private address */
  constructor(url: string) {
    this.#url = url
  }

  /**
   * Never rejects, except when the signal is aborted.
   *
   * @param registeredAt - when the app has registered its token
   */
  async send(
    target: AppTarget,
    message: PushMessage,
    { registeredAt, signal }: { readonly registeredAt: Date; readonly signal: AbortSignal },
  ): Promise<PushOutcome> {
    try {
      const response = await fetch(this.#url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'user-agent': 'rtc-gateway-push/1' },
        body: JSON.stringify({ notification: notificationOf(target, message, registeredAt) }),
        redirect: 'error',
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)]),
      })
      const text = await readText(response)
      const reason = `the push gateway answered ${response.status}`
      if (isTemporary(response.status)) return { kind: 'retry', reason, after: undefined }
      if (!response.ok) return { kind: 'refused', reason }
      return rejectedBy(text).includes(target.pushkey) ? { kind: 'gone' } : { kind: 'accepted' }
    } catch (error) {
      signal.throwIfAborted()
      return { kind: 'retry', reason: reasonOf(error), after: undefined }
    }
  }
}

function notificationOf({ appId, pushkey, data }: AppTarget, message: PushMessage, registeredAt: Date): object {
  const { call, eventId, urgency } = message
  const { roomName, ...content } = call
  const rings = call.type === 'ringing'
  return {
    event_id: eventId,
    room_id: call.roomId,
    type: `call.${call.type}`,
    sender: call.callerId,
    ...(roomName !== null && { room_name: roomName }),
    prio: urgency === 'high' ? 'high' : 'low',
    // All values are strings, as FCM requires.
    content: { ...content, ...(roomName !== null && { roomName }) },
    devices: [
      {
        app_id: appId,
        pushkey,
        pushkey_ts: Math.floor(registeredAt.getTime() / 1000),
        data,
        tweaks: rings ? { sound: 'ring' } : {},
      },
    ],
  }
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength
    if (size > RESPONSE_MAX) throw new Error('the response of the push gateway is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/** The tokens that are not valid any more. A response that does not name any is a success. */
function rejectedBy(text: string): readonly unknown[] {
  try {
    const answer: unknown = JSON.parse(text)
    const rejected: unknown =
      typeof answer === 'object' && answer !== null && 'rejected' in answer ? answer.rejected : []
    return Array.isArray(rejected) ? rejected : []
  } catch {
    return []
  }
}
