import { crc32 } from 'node:zlib'
import { setTimeout as delay } from 'node:timers/promises'
import type { WukongMessage } from './message.ts'

/** WukongIM did not accept a request. */
export class WukongimError extends Error {
  override readonly name = 'WukongimError'
  /** WukongIM has answered, and will probably answer the same again. */
  readonly refused: boolean

  constructor(message: string, { refused, cause }: { readonly refused: boolean; readonly cause?: unknown }) {
    super(message, cause === undefined ? undefined : { cause })
    this.refused = refused
  }
}

interface Account {
  readonly url: string
  readonly token: string | undefined
}

interface Answer {
  readonly status: number
  /** Undefined if the body is not JSON. */
  readonly body: unknown
}

/** Channel type of the chat between two users. */
const PERSON = 1
/** The code for success in v3. */
const SUCCESS = 1
/** Milliseconds for one request. */
const TIMEOUT = 10_000
/** Length of a response in an error's message. */
const QUOTE_MAX = 200
/** Statuses after which the same request may succeed, once WukongIM or its configuration has been repaired. */
const REPAIRABLE = [401, 403, 408, 429]

/**
 * WukongIM's HTTP API, v2 and v3. The version is recognised by each answer, since an upgrade may happen at any time:
 *
 * - v3 needs the recipients of a stored command before the command (`/message/cmd/bind`); v2 has no such path.
 * - v3 answers `reason`, which is 1 for success; v2 answers `data`.
 */
export class WukongimClient {
  readonly #account: Account
  readonly #now: () => Date

  constructor(account: Account, now: () => Date) {
    this.#account = account
    this.#now = now
  }

  /** @throws WukongimError unless WukongIM has accepted the message */
  async send(message: WukongMessage, signal: AbortSignal): Promise<void> {
    const { header } = message
    if (header.sync_once === 1 && header.no_persist === 0) await this.#bind(message, signal)
    const answer = await this.#post('message/send', this.#bodyOf(message), signal)
    const { reason, data, status } = (answer.body ?? {}) as { reason?: unknown; data?: unknown; status?: unknown }
    if (answer.status !== 200) throw refusal(answer)
    const isVersion2 = (typeof data === 'object' && data !== null) || status === 200
    // Without either, something else answers at this address.
    if (reason === undefined ? !isVersion2 : reason !== SUCCESS) throw refusal(answer)
  }

  /** Which of the users are online with any device. @throws WukongimError */
  async online(userIds: readonly string[], signal: AbortSignal): Promise<ReadonlySet<string>> {
    const answer = await this.#post('user/onlinestatus', userIds, signal)
    if (answer.status !== 200 || !Array.isArray(answer.body)) throw refusal(answer)
    const asked = new Set(userIds)
    const found = (answer.body as readonly unknown[]).flatMap((entry) => {
      // Earlier versions list the uids of those who are online.
      if (typeof entry === 'string') return [entry]
      const { uid, online } = (entry ?? {}) as { uid?: unknown; online?: unknown }
      return typeof uid === 'string' && online === 1 ? [uid] : []
    })
    return new Set(found.filter((uid) => asked.has(uid)))
  }

  async #bind({ from, to }: WukongMessage, signal: AbortSignal): Promise<void> {
    const body =
      typeof to === 'string'
        ? { uids: [from, to], channel_id: personChannel(from, to), channel_type: PERSON }
        : { subscribers: to }
    const answer = await this.#post('message/cmd/bind', body, signal)
    // v2 needs no binding.
    if (answer.status === 404 || answer.status === 405) return
    const { reason = SUCCESS } = (answer.body ?? {}) as { reason?: unknown }
    if (answer.status !== 200 || reason !== SUCCESS) throw refusal(answer)
  }

  #bodyOf({ clientMsgNo, header, from, to, payload, deadline }: WukongMessage): object {
    const channel =
      typeof to === 'string'
        ? { channel_id: to, channel_type: PERSON }
        : { channel_id: '', channel_type: 0, subscribers: to }
    return {
      header,
      from_uid: from,
      ...channel,
      payload: Buffer.from(JSON.stringify(payload)).toString('base64'),
      client_msg_no: clientMsgNo,
      ...(deadline && { expire: Math.max(1, Math.ceil((deadline.getTime() - this.#now().getTime()) / 1000)) }),
    }
  }

  async #post(path: string, body: object, signal: AbortSignal): Promise<Answer> {
    const { url, token } = this.#account
    try {
      const response = await fetch(new URL(path, `${url.replace(/\/+$/, '')}/`), {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(token !== undefined && { token }) },
        body: JSON.stringify(body),
        redirect: 'error',
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)]),
      })
      return { status: response.status, body: parse(await response.text()) }
    } catch (error) {
      signal.throwIfAborted()
      throw new WukongimError('WukongIM does not respond', { refused: false, cause: error })
    }
  }
}

/** A function that tells which users are online at WukongIM, as a hint. It never rejects. */
export type OnlineHint = (userIds: readonly string[]) => Promise<ReadonlySet<string>>

/** Milliseconds after which nobody counts as online. */
const HINT_TIMEOUT = 1_000

export const onlineHintOf =
  (client: Pick<WukongimClient, 'online'>, timeout = HINT_TIMEOUT): OnlineHint =>
  async (userIds) => {
    if (userIds.length === 0) return new Set()
    const late = new AbortController()
    try {
      return await Promise.race([
        client.online(userIds, late.signal),
        delay(timeout, new Set<string>(), { signal: late.signal }),
      ])
    } catch {
      return new Set()
    } finally {
      late.abort()
    }
  }

/** The id of the chat between two: the user with the higher checksum first. */
function personChannel(one: string, other: string): string {
  const [first, second] = [crc32(one), crc32(other)]
  const isOrdered = first > second || (first === second && one > other)
  return isOrdered ? `${one}@${other}` : `${other}@${one}`
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function refusal({ status, body }: Answer): WukongimError {
  const quote = (JSON.stringify(body) ?? 'no JSON').slice(0, QUOTE_MAX)
  const refused = status < 500 && !REPAIRABLE.includes(status)
  return new WukongimError(`WukongIM answered ${status}: ${quote}`, { refused })
}
