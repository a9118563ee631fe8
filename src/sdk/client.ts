import { Auth, type AuthOptions } from './auth.ts'
import type { ImOptions } from './im.ts'
import { RtcClient } from './rtc.ts'

/** The gateway's address and the user's credentials. */
export interface ClientOptions {
  /** The gateway. */
  readonly server: {
    /** Base URL of the gateway, with a proxy's prefix if there is one, for instance `https://example.com/rtc`. */
    readonly baseUrl: string
  }
  /** WukongIM, through which incoming calls arrive as well. The gateway confirms each before it rings. */
  readonly im?: ImOptions
  /** The user and their token. */
  readonly auth: AuthOptions
}

/** Path of the GraphQL endpoint below the base URL. */
const GRAPHQL_PATH = '/graphql'

/**
 * A user's client of a gateway. Constructing it sends nothing; the first method does, or a listener for `incomingCall`.
 *
 * @example
 * ```ts
 * const client = new OpenChatClient({
 *   server: { baseUrl: 'https://rtc.example.com' },
 *   auth: { uid: 'alice', token, refreshToken },
 * })
 * client.rtc.on('incomingCall', ({ type, room }) => type === 'ringing' && showCall(room))
 * ```
 */
export class OpenChatClient {
  /** Rooms and calls. */
  readonly rtc: RtcClient

  /** @throws TypeError if `server.baseUrl` is not an http or https URL */
  constructor({ server, im, auth }: ClientOptions) {
    const url = new URL(server.baseUrl)
    if (!/^https?:$/.test(url.protocol)) throw new TypeError(`server.baseUrl: ${server.baseUrl} is not http or https`)
    url.pathname = url.pathname.replace(/\/*$/, GRAPHQL_PATH)
    this.rtc = new RtcClient({ url: url.href, uid: auth.uid, auth: new Auth(auth), im })
  }

  /** Leaves the joined room and releases everything, as {@link RtcClient.destroy} does. Never throws. */
  async destroy(): Promise<void> {
    await this.rtc.destroy()
  }
}
