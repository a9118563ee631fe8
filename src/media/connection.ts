import { RtcError } from '../core/errors.ts'
import { MEDIA_PROVIDERS, type MediaProvider } from '../core/media-provider.ts'
import type { RoomMember } from '../rooms/model.ts'
import { type Providers, variablesOf } from './providers.ts'
import type { Credentials, Provider } from './providers/provider.ts'
import { ICE_TTL, type IceConfig, iceServersFor, type IceServer, stunServersOf } from './ice.ts'

/** What a joined participant needs to reach the room's media. Holds no secret of the gateway. */
export interface MediaConnection extends Credentials {
  readonly provider: MediaProvider
  readonly roomId: string
  readonly userId: string
  readonly expiresAt: Date
  /** Only for webrtc: other providers bring their own. */
  readonly iceServers: readonly IceServer[]
  /** How many participants a mesh carries, each sending to each other; null where a media server does the work. */
  readonly meshMax: number | null
}

export interface Media {
  /** Those that are configured. */
  readonly providers: readonly MediaProvider[]
  /** One of them: of rooms that are created without one. */
  readonly defaultProvider: MediaProvider
  /** @throws RtcError PROVIDER_NOT_CONFIGURED naming the variables to set */
  requireProvider(provider: MediaProvider): Provider
  /** @throws RtcError PROVIDER_NOT_CONFIGURED */
  connect(member: RoomMember, now: Date): Promise<MediaConnection>
  /**
   * STUN for everybody; TURN, which carries traffic at the operator's expense, with credentials for those who may.
   *
   * @param mayRelay is asked only where TURN is configured
   */
  iceServers(userId: string, now: Date, mayRelay: () => Promise<boolean>): Promise<readonly IceServer[]>
}

export interface MediaDependencies {
  readonly ice: IceConfig
  readonly providers: Providers
  readonly defaultProvider: MediaProvider
  /** Participants that a mesh carries. */
  readonly meshMax: number
}

/** How long a connection is good for, in seconds: as long as the TURN credentials in it. */
const CONNECTION_TTL = ICE_TTL

export function createMedia({ ice, providers, defaultProvider, meshMax }: MediaDependencies): Media {
  const iceServers = (userId: string, now: Date) => iceServersFor(userId, new Date(now.getTime() + ICE_TTL * 1000), ice)

  const requireProvider = (provider: MediaProvider): Provider => {
    const configured = providers[provider]
    if (configured) return configured
    const variables = variablesOf(provider).join(', ')
    throw new RtcError(
      'PROVIDER_NOT_CONFIGURED',
      `This gateway has no credentials for the provider ${provider}: it needs ${variables}.`,
    )
  }

  return {
    providers: MEDIA_PROVIDERS.filter((provider) => providers[provider]),
    defaultProvider,
    requireProvider,
    iceServers: async (userId, now, mayRelay) =>
      ice.turnUrls.length === 0 || (await mayRelay()) ? iceServers(userId, now) : stunServersOf(ice),
    async connect({ room, participant: { userId, role } }, now) {
      const { id: roomId, provider } = room
      // Tokens count in whole seconds.
      const issuedAt = Math.floor(now.getTime() / 1000)
      const mayPublish = role !== 'observer'
      const admission = { roomId, userId, mayPublish, issuedAt, ttl: CONNECTION_TTL }
      return {
        provider,
        ...(await requireProvider(provider).admit(admission)),
        roomId,
        userId,
        expiresAt: new Date((issuedAt + CONNECTION_TTL) * 1000),
        iceServers: provider === 'webrtc' ? iceServers(userId, now) : [],
        meshMax: provider === 'webrtc' ? meshMax : null,
      }
    },
  }
}
