import { isPublicUrl, text } from '../../core/variable.ts'
import { define, type Provider, UNREVOCABLE_TTL } from './provider.ts'

export interface LivekitAccount {
  /** The URL of the LiveKit server for clients. */
  readonly url: string
  readonly apiKey: string
  readonly apiSecret: string
}

/** LiveKit: a JWT with grants for one room, https://docs.livekit.io/home/get-started/authentication/ */
export const createLivekit = ({ url, apiKey, apiSecret }: LivekitAccount): Provider => ({
  // LiveKit Cloud refuses the tokens of removed users; a server of one's own does not.
  ...(!new URL(url).hostname.endsWith('.livekit.cloud') && { tokenTtl: UNREVOCABLE_TTL }),
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
  async verify() {
    const { RoomServiceClient } = await import('livekit-server-sdk')
    const client = new RoomServiceClient(url.replace(/^ws/, 'http'), apiKey, apiSecret, { requestTimeout: 5 })
    await client.listRooms(['doctor'])
    return `${url} accepts the API key`
  },
})

export const livekit = define({
  variables: {
    LIVEKIT_URL: text.refine(
      (value) => isPublicUrl(value, /^(ws|http)s?:$/),
      'must be a URL of the form wss://livekit.example, without credentials',
    ),
    LIVEKIT_API_KEY: text,
    LIVEKIT_API_SECRET: text,
  },
  secrets: ['LIVEKIT_API_SECRET'],
  create: (account): Provider =>
    createLivekit({
      url: account.LIVEKIT_URL,
      apiKey: account.LIVEKIT_API_KEY,
      apiSecret: account.LIVEKIT_API_SECRET,
    }),
})
