import { createHmac } from 'node:crypto'
import type { IceUrls } from './variables.ts'

/** An RTCIceServer (WebRTC 1.0, section 4.2.4). */
export interface IceServer {
  readonly urls: readonly string[]
  readonly username?: string
  readonly credential?: string
}

export interface IceConfig extends IceUrls {
  /** Shared with the TURN server (coturn's `static-auth-secret`); required with `turnUrls`. */
  readonly turnSecret: string | undefined
}

/** Lifetime of TURN credentials in seconds. */
export const ICE_TTL = 3600

/** The servers without credentials. */
export const stunServersOf = ({ stunUrls }: IceConfig): IceServer[] => (stunUrls.length > 0 ? [{ urls: stunUrls }] : [])

/**
 * The configured servers, with TURN credentials for one user that expire at `expiresAt`
 * (draft-uberti-behave-turn-rest-00: username `expiry:userId`, credential base64(HMAC-SHA1(secret, username))).
 */
export function iceServersFor(userId: string, expiresAt: Date, config: IceConfig): IceServer[] {
  const servers = stunServersOf(config)
  if (config.turnUrls.length > 0 && config.turnSecret) {
    const username = `${Math.floor(expiresAt.getTime() / 1000)}:${userId}`
    const credential = createHmac('sha1', config.turnSecret).update(username).digest('base64')
    servers.push({ urls: config.turnUrls, username, credential })
  }
  return servers
}
