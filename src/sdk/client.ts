import { Auth, type AuthOptions } from './auth.ts'
import type { DeviceFlag } from './model.ts'
import { RtcClient } from './rtc.ts'

/** The gateway's address and the user's credentials. */
export interface ClientOptions {
  readonly server: {
    /** Base URL of the gateway, for instance `https://rtc.example.com`. */
    readonly baseUrl: string
  }
  /** The instant messaging server; not used by this package. */
  readonly im?: { readonly wsUrl: string; readonly deviceFlag: DeviceFlag }
  readonly auth: AuthOptions
}

/** Path of the GraphQL endpoint below the base URL. */
const GRAPHQL_PATH = '/graphql'

/**
 * A user's client of a gateway. Constructing it sends nothing.
 *
 * @throws TypeError when `server.baseUrl` is not an http or https URL
 */
export class OpenChatClient {
  /** Rooms and calls. */
  readonly rtc: RtcClient

  constructor({ server, auth }: ClientOptions) {
    const url = new URL(server.baseUrl)
    if (!/^https?:$/.test(url.protocol)) throw new TypeError(`server.baseUrl: ${server.baseUrl} is not http or https`)
    url.pathname = url.pathname.replace(/\/*$/, GRAPHQL_PATH)
    this.rtc = new RtcClient({ url: url.href, uid: auth.uid, auth: new Auth(auth) })
  }

  /** Leaves the joined room and releases devices, connections and timers. */
  async destroy(): Promise<void> {
    await this.rtc.destroy()
  }
}
