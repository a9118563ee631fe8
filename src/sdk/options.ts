import type { RTCConfiguration } from './dom.ts'
import type { MediaType, Room, RoomAccess, RoomStatus, RoomType, RTCProviderType } from './model.ts'

/** Defaults of a client for creating and joining rooms. */
export interface InitOptions {
  /** Provider of the rooms that this client creates. @default the gateway's */
  readonly provider?: RTCProviderType
  /** The provider's application id. Not needed: the gateway sends it with each join. */
  readonly appId?: string
  /** Never sent and not needed: the gateway signs the provider's tokens. A key in a client is a key made public. */
  readonly appKey?: string
  /**
   * Identifies this device among the user's devices. A user is in a room with one device; joining with another replaces
   * it.
   *
   * @default one per browser tab, stable across reloads
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
  /** @default the one given to `init`, else the gateway's */
  readonly provider?: RTCProviderType
  /** Idempotency key: a repeated request with the same id returns the same room. @default a new one for each call */
  readonly requestId?: string
}

/** A call to one user, for whom it rings. */
export interface CreateCallOptions extends RoomOptions {
  readonly type: 'p2p'
  /** The user to call. */
  readonly userId: string
  readonly userIds?: never
}

/** A group; it rings for everybody invited. */
export interface CreateGroupOptions extends RoomOptions {
  readonly type: 'group'
  /** The users to invite. */
  readonly userIds?: readonly string[]
  readonly userId?: never
  /** @default 'invited' */
  readonly access?: RoomAccess
  /** @default the gateway's: with `webrtc` the largest mesh (6 unless configured), else 50 */
  readonly maxParticipants?: number
}

/** Options of a call or of a group. */
export type CreateRoomOptions = CreateCallOptions | CreateGroupOptions

/** Filters and paging of the user's rooms; all given filters must match. */
export interface ListRoomsOptions {
  /** Page size, up to 100. @default 20 */
  readonly first?: number
  /** The `endCursor` of the previous page. */
  readonly after?: string
  readonly status?: RoomStatus
  readonly type?: RoomType
  readonly mediaType?: MediaType
  /** Only rooms in which this user is a participant, too. */
  readonly peer?: string
}

/** One page of rooms. */
export interface RoomPage {
  /** Newest first. */
  readonly rooms: readonly Room[]
  readonly hasNextPage: boolean
  readonly endCursor: string | null
}

/** Paging of a room's log. */
export interface ListEventsOptions {
  /** Maximum number of events, up to 500. @default 100 */
  readonly first?: number
  /** The `seq` of the last known event. */
  readonly after?: number
}
