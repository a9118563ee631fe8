import type { RTCConfiguration } from './dom.ts'
import type { MediaType, Room, RoomAccess, RoomStatus, RoomType, RTCProviderType } from './model.ts'

/** Defaults of a client for creating and joining rooms; of {@link RtcClient.init}. */
export interface InitOptions {
  /** Provider of the rooms that this client creates. Defaults to the gateway's. */
  readonly provider?: RTCProviderType
  /** The provider's application id. Not needed: the gateway sends it with each join. */
  readonly appId?: string
  /** Never sent, and warned about: the gateway signs the provider's tokens. A key in a client is a key made public. */
  readonly appKey?: string
  /**
   * Identifies this device among the user's devices. A user is in a room with one device; joining with another replaces
   * it. Defaults to one per browser tab, stable across reloads; in Node.js, one per client.
   */
  readonly deviceId?: string
  /**
   * With `webrtc`: overrides of the peer connections' configuration, for instance `{ iceTransportPolicy: 'relay' }`.
   * https://www.w3.org/TR/webrtc/#rtcconfiguration-dictionary
   */
  readonly rtcConfiguration?: RTCConfiguration
}

interface RoomOptions {
  /**
   * Video includes audio.
   *
   * @default 'video'
   */
  readonly mediaType?: MediaType
  /** For people: 1 to 200 characters. */
  readonly name?: string
  /** The application's own JSON object, at most 8 KiB. */
  readonly metadata?: Readonly<Record<string, unknown>>
  /** Media provider. Defaults to that of `init`, else to the gateway's. */
  readonly provider?: RTCProviderType
  /**
   * Idempotency key of 1 to 255 printable ASCII characters: a repeated request with the same id returns the same room.
   * Defaults to a new one for each call.
   */
  readonly requestId?: string
}

/** A call to one user, for whom it rings. */
export interface CreateCallOptions extends RoomOptions {
  /** A call between two. */
  readonly type: 'p2p'
  /** The user to call. */
  readonly userId: string
  /** Only in a group. */
  readonly userIds?: never
}

/** A group; it rings for everybody invited. */
export interface CreateGroupOptions extends RoomOptions {
  /** A group. */
  readonly type: 'group'
  /** The users to invite. Defaults to nobody. */
  readonly userIds?: readonly string[]
  /** Only in a call between two. */
  readonly userId?: never
  /**
   * Who may join.
   *
   * @default 'invited'
   */
  readonly access?: RoomAccess
  /** Seats, 1 to 10000. Defaults to 6 with `webrtc`, unless the gateway is configured otherwise; else to 50. */
  readonly maxParticipants?: number
}

/** Options of a call or of a group; of {@link RtcClient.createRoom}. */
export type CreateRoomOptions = CreateCallOptions | CreateGroupOptions

/** Filters and paging of the user's rooms; all given filters must match. Of {@link RtcClient.listRooms}. */
export interface ListRoomsOptions {
  /**
   * Page size, 1 to 100.
   *
   * @default 20
   */
  readonly first?: number
  /** The `endCursor` of the previous page. Defaults to the first page. */
  readonly after?: string
  /** Only rooms in this state. */
  readonly status?: RoomStatus
  /** Only calls between two, or only groups. */
  readonly type?: RoomType
  /** Only audio calls, or only video calls. */
  readonly mediaType?: MediaType
  /** Only rooms in which this user is a participant, too. */
  readonly peer?: string
}

/** One page of rooms. */
export interface RoomPage {
  /** Newest first. */
  readonly rooms: readonly Room[]
  /** Whether older rooms follow. */
  readonly hasNextPage: boolean
  /** For `after` of the next page; `null` for an empty one. */
  readonly endCursor: string | null
}

/** A browser's subscription, as the Push API has it; of {@link RtcClient.registerPushSubscription}. */
export interface BrowserPushSubscription {
  /** The URL of the push service. */
  readonly endpoint?: string | undefined
  /** When the browser ends the subscription, in milliseconds since the epoch; not used. */
  readonly expirationTime?: number | null | undefined
  /** `p256dh` and `auth`, in base64url. */
  readonly keys?: Readonly<Record<string, string>> | undefined
}

/** An app on a phone; of {@link RtcClient.registerPushApp}. */
export interface PushAppOptions {
  /** The app, as the push gateway knows it. */
  readonly appId: string
  /** The token that FCM or APNs has given to the app. */
  readonly pushkey: string
  /** Passed to the push gateway with each message; at most 2000 bytes as JSON. */
  readonly data?: Readonly<Record<string, unknown>>
  /** The device, for your own use. */
  readonly deviceId?: string
}

/** Paging of a room's log; of {@link RtcClient.getEvents}. */
export interface ListEventsOptions {
  /**
   * Maximum number of events, 1 to 500.
   *
   * @default 100
   */
  readonly first?: number
  /**
   * The `seq` of the last known event.
   *
   * @default 0
   */
  readonly after?: number
}
