import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export const WUKONGIM_TOKEN = 'the manager token of WukongIM'.replaceAll(' ', '-')

/** A message as WukongIM stores it. */
export interface StoredMessage {
  readonly clientMsgNo: string
  readonly header: { readonly no_persist: number; readonly red_dot: number; readonly sync_once: number }
  readonly from: string
  /** The other user of a chat between two; null for a message to subscribers. */
  readonly channelId: string | null
  readonly subscribers: readonly string[]
  readonly payload: WukongPayload
  readonly expire: number | undefined
  /** For v3: whether the recipients were bound before, if the header requires it. */
  readonly bound: boolean
}

export interface WukongPayload {
  readonly type: number
  readonly cmd?: string
  readonly param?: Readonly<Record<string, unknown>>
  readonly [field: string]: unknown
}

/** What happens to a request instead of the regular answer. */
export type Fault =
  /** The connection is closed without an answer, after (`stored`) or before the request took effect. */
  | { readonly kind: 'cut'; readonly stored: boolean }
  | { readonly kind: 'status'; readonly status: number }
  /** v3: HTTP 200 with this reason, which is not 1. */
  | { readonly kind: 'reason'; readonly reason: number }
  /** The regular answer, when the promise has resolved. */
  | { readonly kind: 'slow'; readonly until: Promise<unknown> }

interface Options {
  readonly version: 2 | 3
  /** Called for each request; undefined for the regular answer. */
  readonly fault?: (path: string) => Fault | undefined
}

interface SendRequest {
  readonly header?: StoredMessage['header']
  readonly from_uid?: string
  readonly channel_id?: string
  readonly channel_type?: number
  readonly payload?: string
  readonly client_msg_no?: string
  readonly expire?: number
  readonly subscribers?: readonly string[]
}

const PERSON = 1
const SUBSCRIBERS_MAX = 1_000

/**
 * A double of WukongIM's HTTP API on loopback, v2 or v3, by its documents. It stores a message with a known
 * `client_msg_no` once, and keeps the messages in the order of their arrival.
 */
export class WukongimDouble {
  /** The stored messages, in order. */
  readonly messages: StoredMessage[] = []
  /** The `client_msg_no` of every accepted `/message/send`, repetitions included. */
  readonly sends: string[] = []
  /** The paths of all requests, answered regularly or not. */
  readonly requests: string[] = []
  readonly online = new Set<string>()
  /** Can be changed at any time. */
  fault: (path: string) => Fault | undefined
  version: 2 | 3
  readonly #known = new Set<string>()
  readonly #bound = new Set<string>()
  readonly #waiting = new Set<() => void>()
  readonly #server = createServer((request, response) => void this.#handle(request, response))

  private constructor({ version, fault = () => undefined }: Options) {
    this.version = version
    this.fault = fault
  }

  static async start(options: Options): Promise<WukongimDouble> {
    const double = new WukongimDouble(options)
    double.#server.listen(0, '127.0.0.1')
    await once(double.#server, 'listening')
    return double
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** The variables that make the gateway use the double. */
  get env(): Record<string, string> {
    return { WUKONGIM_URL: this.url, ...(this.version === 2 && { WUKONGIM_TOKEN }) }
  }

  /** The stored messages about a room, records of calls included. */
  of(roomId: string): StoredMessage[] {
    return this.messages.filter(({ clientMsgNo }) => clientMsgNo.startsWith(`${roomId}-`))
  }

  /** Whether a message with this number is stored. */
  has(clientMsgNo: string): boolean {
    return this.#known.has(clientMsgNo)
  }

  /** Resolves when the condition holds, which is checked when a request arrives and when it is answered. */
  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (!holds()) return
        this.#waiting.delete(check)
        resolve()
      }
      this.#waiting.add(check)
      check()
    })
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const path = request.url ?? ''
    this.requests.push(path)
    this.#check()
    const fault = this.fault(path)
    const reply = (status: number, body: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    if (fault?.kind === 'slow') await fault.until
    if (fault?.kind === 'status') reply(fault.status, { msg: 'a fault', status: fault.status })
    else if (fault?.kind === 'reason') reply(200, { message_id: 0, message_seq: 0, reason: fault.reason })
    else if (fault?.kind === 'cut' && !fault.stored) response.destroy()
    else {
      const { status, body } = this.#answer(path, request.headers['token'], Buffer.concat(chunks).toString())
      if (fault?.kind === 'cut') response.destroy()
      else reply(status, body)
    }
    this.#check()
  }

  #check(): void {
    for (const check of this.#waiting) check()
  }

  #answer(path: string, token: unknown, text: string): { status: number; body: unknown } {
    const refused = (msg: string) => ({ status: 400, body: { msg, status: 400 } })
    if (this.version === 2 && token !== WUKONGIM_TOKEN)
      return { status: 401, body: { msg: 'token error', status: 401 } }
    const body: unknown = JSON.parse(text)
    if (path === '/user/onlinestatus') {
      const uids = body as readonly string[]
      return {
        status: 200,
        body: uids.filter((uid) => this.online.has(uid)).map((uid) => ({ uid, device_flag: 1, online: 1 })),
      }
    }
    if (path === '/message/cmd/bind' && this.version === 3) return this.#bind(body as Record<string, unknown>)
    if (path !== '/message/send') return { status: 404, body: '404 page not found' }

    const send = body as SendRequest
    const { header, from_uid: from = '', channel_id: channel = '', subscribers = [], client_msg_no: number } = send
    if (!header || !send.payload || !number) return refused('incomplete message')
    if (subscribers.length > SUBSCRIBERS_MAX) return refused('too many subscribers')
    if (subscribers.length > 0 && channel !== '') return refused('channel_id must be empty with subscribers')
    if (subscribers.length === 0 && (channel === '' || send.channel_type !== PERSON)) return refused('no channel')
    this.sends.push(number)
    if (!this.#known.has(number)) {
      this.#known.add(number)
      const needsBinding = this.version === 3 && header.sync_once === 1 && header.no_persist === 0
      const recipients = subscribers.length > 0 ? subscribers : [from, channel]
      this.messages.push({
        clientMsgNo: number,
        header,
        from,
        channelId: channel || null,
        subscribers,
        payload: JSON.parse(Buffer.from(send.payload, 'base64').toString()) as WukongPayload,
        expire: send.expire,
        bound: !needsBinding || this.#bound.has(bindingOf(recipients)),
      })
    }
    const ids = { message_id: 1_700_000_000_000 + this.#known.size }
    return this.version === 2
      ? { status: 200, body: { data: { ...ids, client_msg_no: number }, status: 200 } }
      : { status: 200, body: { ...ids, message_seq: this.#known.size, reason: 1 } }
  }

  #bind(body: Record<string, unknown>): { status: number; body: unknown } {
    const {
      uids,
      channel_id: channel,
      subscribers,
    } = body as {
      uids?: readonly string[]
      channel_id?: string
      subscribers?: readonly string[]
    }
    const recipients = subscribers ?? uids ?? []
    // The id of the chat between two consists of their ids.
    const isConsistent = subscribers !== undefined || bindingOf(channel?.split('@') ?? []) === bindingOf(recipients)
    if (recipients.length === 0 || recipients.length > SUBSCRIBERS_MAX || !isConsistent) {
      return { status: 400, body: { msg: 'invalid binding', status: 400 } }
    }
    this.#bound.add(bindingOf(recipients))
    return { status: 200, body: { status: 200 } }
  }
}

const bindingOf = (uids: readonly string[]): string => JSON.stringify(uids.toSorted())
