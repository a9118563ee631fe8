import type { Provider } from './provider.ts'

export interface LivekitAccount {
  /** Of the LiveKit server, as clients reach it. */
  readonly url: string
  readonly apiKey: string
  readonly apiSecret: string
}

/** LiveKit: a JWT with grants for one room, https://docs.livekit.io/home/get-started/authentication/ */
export const createLivekit = ({ url, apiKey, apiSecret }: LivekitAccount): Provider => ({
  async admit({ roomId, userId, mayPublish, ttl }) {
    const { AccessToken } = await import('livekit-server-sdk')
    const token = new AccessToken(apiKey, apiSecret, { identity: userId, ttl })
    token.addGrant({
      roomJoin: true,
      room: roomId,
      canSubscribe: true,
      canPublish: mayPublish,
      canPublishData: mayPublish,
    })
    return { appId: null, url, token: await token.toJwt() }
  },
})
