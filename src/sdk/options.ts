import type { RTCConfiguration } from './dom.ts'
import type { MediaType, Room, RoomAccess, RoomStatus, RoomType, RTCProviderType } from './model.ts'

/** How this client makes and enters rooms. */
export interface InitOptions {
  /** Of the rooms that this client creates; without it, the gateway's default. */
  readonly provider?: RTCProviderType
  /** The provider's application. The gateway knows it, and says it when a room is joined. */
  readonly appId?: string
  /** Never sent, and not needed: the gateway signs what the provider asks for. A key in a client is a key given away. */
  readonly appKey?: string
  /**
   * Tells this device from the user's others: a user has one place in a room, and joining from another device takes it.
   *
   * @default one for each browser tab, the same after a reload
   */
  readonly deviceId?: string
  /** For `webrtc`: overrides of the peer connections' configuration, for instance `{ iceTransportPolicy: 'relay' }`. */
  readonly rtcConfiguration?: RTCConfiguration
}

interface RoomOptions {
  /** @default 'video' */
  readonly mediaType?: MediaType
  readonly name?: string
  /** The application's own JSON object, at most 8 KiB. */
  readonly metadata?: Readonly<Record<string, unknown>>
  /** @default what `init` was given, or else the gateway's default */
  readonly provider?: RTCProviderType
  /** Repeating a call with the same id answers the same room. @default another one each time */
  readonly requestId?: string
}

/** A call to one user, who rings. */
export interface CreateCallOptions extends RoomOptions {
  readonly type: 'p2p'
  /** Whom to call. */
  readonly userId: string
  readonly userIds?: never
}

/** A room for many; everybody invited rings. */
export interface CreateGroupOptions extends RoomOptions {
  readonly type: 'group'
  /** Whom to invite. */
  readonly userIds?: readonly string[]
  readonly userId?: never
  /** @default 'invited' */
  readonly access?: RoomAccess
  /** @default the gateway's: with `webrtc` as many as a mesh carries (6 unless configured), else 50 */
  readonly maxParticipants?: number
}

/** A call to one, or a room for many. */
export type CreateRoomOptions = CreateCallOptions | CreateGroupOptions

/** Which of the user's rooms; every condition given must hold. */
export interface ListRoomsOptions {
  /** At most so many. @default 20 */
  readonly first?: number
  /** The `endCursor` of the page before. */
  readonly after?: string
  readonly status?: RoomStatus
  readonly type?: RoomType
  readonly mediaType?: MediaType
  /** A user who has, or had, a place in the room, too. */
  readonly peer?: string
}

/** A part of a list of rooms. */
export interface RoomPage {
  /** Newest first. */
  readonly rooms: readonly Room[]
  readonly hasNextPage: boolean
  readonly endCursor: string | null
}

/** Which entries of a room's log. */
export interface ListEventsOptions {
  /** At most so many, up to 500. @default 100 */
  readonly first?: number
  /** The `seq` of the last one that is known. */
  readonly after?: number
}
