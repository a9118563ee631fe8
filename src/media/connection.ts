import { RtcError } from '../core/errors.ts'
import { MEDIA_PROVIDERS, type MediaProvider } from '../core/media-provider.ts'
import { type RoomMember, uidOf } from '../rooms/model.ts'
import { type Providers, variablesOf } from './providers.ts'
import type { Credentials, Provider } from './providers/provider.ts'
import { ICE_TTL, type IceConfig, iceServersFor, type IceServer, stunServersOf } from './ice.ts'

/** Everything that a joined participant's client needs to reach the room's media. Contains no secret of the gateway. */
export interface MediaConnection extends Omit<Credentials, 'uid'> {
  readonly provider: MediaProvider
  readonly roomId: string
  readonly userId: string
  /** The user's number at a provider that identifies users by numbers; null with other providers. */
  readonly uid: number | null
  readonly expiresAt: Date
  /** Empty except for webrtc: other providers use their own. */
  readonly iceServers: readonly IceServer[]
  /** Recommended maximum of participants in a mesh, where each sends to each other; null with a media server. */
  readonly meshMax: number | null
}

export interface Media {
  /** The configured providers. */
  readonly providers: readonly MediaProvider[]
  /** The provider of rooms created without one; it is configured. */
  readonly defaultProvider: MediaProvider
  /** @throws RtcError PROVIDER_NOT_CONFIGURED naming the variables to set */
  requireProvider(provider: MediaProvider): Provider
  /** Seconds for which a connection is valid. @throws RtcError PROVIDER_NOT_CONFIGURED */
  lifetimeOf(provider: MediaProvider): number
  /** @throws RtcError PROVIDER_NOT_CONFIGURED */
  connect(member: RoomMember, now: Date): Promise<MediaConnection>
  /**
   * STUN servers for every user; TURN servers, whose traffic the operator pays for, only if `mayRelay` allows them.
   *
   * @param mayRelay is called only if TURN is configured
   */
  iceServers(userId: string, now: Date, mayRelay: () => Promise<boolean>): Promise<readonly IceServer[]>
}

export interface MediaDependencies {
  readonly ice: IceConfig
  readonly providers: Providers
  readonly defaultProvider: MediaProvider
  /** Maximum participants of a mesh. */
  readonly meshMax: number
  /** Lifetime of tokens in seconds. @default by the provider */
  readonly tokenTtl: number | undefined
}

/** Lifetime in seconds of tokens, unless the provider or the configuration shortens it. */
const TOKEN_TTL = 3600

export function createMedia({ ice, providers, defaultProvider, meshMax, tokenTtl }: MediaDependencies): Media {
  const iceServers = (userId: string, now: Date) => iceServersFor(userId, new Date(now.getTime() + ICE_TTL * 1000), ice)

  const requireProvider = (provider: MediaProvider): Provider => {
    const configured = providers[provider]
    if (configured) return configured
    const variables = variablesOf(provider).join(', ')
    throw new RtcError(
      'PROVIDER_NOT_CONFIGURED',
      `The provider ${provider} is not configured: it requires ${variables}.`,
    )
  }

  const lifetimeOf = (provider: MediaProvider): number =>
    provider === 'webrtc' ? ICE_TTL : (tokenTtl ?? requireProvider(provider).tokenTtl ?? TOKEN_TTL)

  return {
    providers: MEDIA_PROVIDERS.filter((provider) => providers[provider]),
    defaultProvider,
    requireProvider,
    lifetimeOf,
    iceServers: async (userId, now, mayRelay) =>
      ice.turnUrls.length === 0 || (await mayRelay()) ? iceServers(userId, now) : stunServersOf(ice),
    async connect({ room, participant }, now) {
      const { id: roomId, provider } = room
      const { userId, role } = participant
      // Times in tokens are whole seconds.
      const issuedAt = Math.floor(now.getTime() / 1000)
      const ttl = lifetimeOf(provider)
      const mayPublish = role !== 'observer'
      const admission = { roomId, userId, uid: uidOf(participant), mayPublish, issuedAt, ttl }
      const { uid = null, ...credentials } = await requireProvider(provider).admit(admission)
      return {
        provider,
        ...credentials,
        uid,
        roomId,
        userId,
        expiresAt: new Date((issuedAt + ttl) * 1000),
        iceServers: provider === 'webrtc' ? iceServers(userId, now) : [],
        meshMax: provider === 'webrtc' ? meshMax : null,
      }
    },
  }
}
