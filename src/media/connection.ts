import { RtcError } from '../core/errors.ts'
import type { MediaProvider, Room } from '../rooms/model.ts'
import { ICE_TTL, type IceConfig, iceServersFor, type IceServer } from './ice.ts'

/** What a joined participant needs to reach the room's media. Holds no secret of the gateway. */
export interface Connection {
  readonly provider: MediaProvider
  readonly appId: string | null
  readonly url: string | null
  readonly roomId: string
  readonly userId: string
  readonly token: string | null
  readonly expiresAt: Date
  readonly iceServers: readonly IceServer[]
}

export interface Media {
  /** @throws RtcError PROVIDER_NOT_CONFIGURED */
  requireProvider(provider: MediaProvider): void
  connect(room: Room, userId: string, now: Date): Connection
  iceServers(userId: string, now: Date): readonly IceServer[]
}

export function createMedia(ice: IceConfig): Media {
  const iceServers = (userId: string, now: Date) => iceServersFor(userId, new Date(now.getTime() + ICE_TTL * 1000), ice)
  return {
    requireProvider(provider) {
      if (provider === 'webrtc') return
      throw new RtcError('PROVIDER_NOT_CONFIGURED', `This gateway has no credentials for the provider ${provider}.`)
    },
    iceServers,
    connect: (room, userId, now) => ({
      provider: room.provider,
      appId: null,
      url: null,
      roomId: room.id,
      userId,
      token: null,
      expiresAt: new Date(now.getTime() + ICE_TTL * 1000),
      iceServers: iceServers(userId, now),
    }),
  }
}
