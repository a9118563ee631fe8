import { Auth, type AuthOptions } from './auth.ts'
import type { DeviceFlag } from './model.ts'
import { RtcClient } from './rtc.ts'

/** Where the gateway is, and who uses it. */
export interface ClientOptions {
  readonly server: {
    /** Of the gateway, for instance `https://rtc.example.com`. */
    readonly baseUrl: string
  }
  /** The instant messaging server; the gateway does without it. */
  readonly im?: { readonly wsUrl: string; readonly deviceFlag: DeviceFlag }
  readonly auth: AuthOptions
}

/** Where the gateway serves GraphQL, below its address. */
const GRAPHQL_PATH = '/graphql'

/**
 * A user's client of a gateway. Nothing is sent before something is asked of it.
 *
 * @throws TypeError when `server.baseUrl` is no http or https address
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

  /** Leaves the room that is joined and gives everything back. */
  async destroy(): Promise<void> {
    await this.rtc.destroy()
  }
}
