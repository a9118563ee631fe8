/**
 * Enums are lower case, as in the gateway's REST API; times are ISO 8601 in UTC
 * ([RFC 3339](https://www.rfc-editor.org/rfc/rfc3339)); absent values are `null`.
 */

/** A call between two users, or a group. */
export type RoomType = 'p2p' | 'group'
/** The kind of a call; video includes audio. */
export type MediaType = 'audio' | 'video'
/** `waiting` until a second participant has joined; `ended` for good. */
export type RoomStatus = 'waiting' | 'active' | 'ended'
/** Who may join: only `invited` users, or with `link` anybody who knows the room's id. */
export type RoomAccess = 'invited' | 'link'
/**
 * Why a room ended: `completed` after a conversation; `cancelled` by the caller; `rejected` or `busy` by the callee;
 * `missed` when nobody answered in time; `empty` with nobody in it; `expired` after its maximum duration; `failed` when
 * the callee answered and the caller never joined.
 */
export type EndReason = 'completed' | 'cancelled' | 'rejected' | 'busy' | 'missed' | 'empty' | 'expired' | 'failed'
/** The role of a participant. An `observer` publishes nothing. */
export type ParticipantRole = 'caller' | 'callee' | 'member' | 'observer'
/** The state of a participant. */
export type ParticipantState = 'invited' | 'joined' | 'left' | 'rejected' | 'missed' | 'removed'
/** Why a membership ended. */
export type LeaveReason = 'left' | 'removed' | 'disconnected' | 'replaced' | 'ended'

/**
 * How far the ring of an invitation got: to a `connected` device; `pushed` to a push service, which notifies a device; or
 * `none`.
 */
export type Reach = 'none' | 'pushed' | 'connected'

/** The provider that carries a room's media. */
export const RTCProviderType = {
  /** Peer to peer between browsers; needs no vendor account. */
  WEBRTC: 'webrtc',
  /** By the package `@volcengine/rtc`. */
  VOLCENGINE: 'volcengine',
  /** By the package `livekit-client`. */
  LIVEKIT: 'livekit',
  /** The gateway signs its tokens; this package does not drive its web SDK, and joining throws NOT_SUPPORTED. */
  TENCENT: 'tencent',
  /** By the package `agora-rtc-sdk-ng`. */
  AGORA: 'agora',
} as const
/** One of {@link RTCProviderType}. */
export type RTCProviderType = (typeof RTCProviderType)[keyof typeof RTCProviderType]

/** The kind of a device, with the numbers of the instant messaging server. */
export const DeviceFlag = {
  /** A mobile app. */
  APP: 0,
  /** A web page. */
  WEB: 1,
  /** A desktop program. */
  PC: 2,
} as const
/** One of {@link DeviceFlag}. */
export type DeviceFlag = (typeof DeviceFlag)[keyof typeof DeviceFlag]

/** A user in a room, from the invitation on, across all memberships. */
export interface Participant {
  /** `<roomId>:<userId>` */
  readonly id: string
  /** Who it is. */
  readonly userId: string
  /** Their number in the room, from 1, which nobody else in it ever gets; their uid at provider `agora`. */
  readonly uid: number
  /** Their role. */
  readonly role: ParticipantRole
  /** Whether they are invited, joined, or gone. */
  readonly state: ParticipantState
  /** Publishing audio, not muted. */
  readonly audio: boolean
  /** Publishing the camera. */
  readonly video: boolean
  /** `false` only while the grace of a lost connection runs. */
  readonly connected: boolean
  /** Start of the current or last membership; `null` if they never joined. */
  readonly joinedAt: string | null
  /** End of the last membership; `null` while joined. */
  readonly leftAt: string | null
  /** Why the last membership ended. */
  readonly leaveReason: LeaveReason | null
  /** Total of all memberships in whole seconds, including the current one. */
  readonly duration: number
  /** The current session, begun by the join; a repeated join keeps it. `null` unless joined. */
  readonly sessionId: string | null
  /** When the connection was lost: the membership and its `duration` end then unless it is restored. */
  readonly lostAt: string | null
  /** How far the last invitation got that rang; `null` if none did. A change emits `participant_updated`. */
  readonly reach: Reach | null
}

/** A room or call. */
export interface Room {
  /** A [UUID v7](https://www.rfc-editor.org/rfc/rfc9562#section-5.7), the same string in REST and GraphQL. */
  readonly id: string
  /** A call between two, or a group. */
  readonly type: RoomType
  /** Who created it. */
  readonly callerId: string
  /** The called user; `null` in a group. */
  readonly calleeId: string | null
  /** What the call is about. */
  readonly mediaType: MediaType
  /** Where it is between waiting and ended. */
  readonly status: RoomStatus
  /** When it was created. */
  readonly createdAt: string
  /** What it was named. */
  readonly name: string | null
  /** The application's JSON object. */
  readonly metadata: Readonly<Record<string, unknown>> | null
  /** What carries its media. */
  readonly provider: RTCProviderType
  /** Who may join. */
  readonly access: RoomAccess
  /** Maximum number of participants joined at the same time. */
  readonly maxParticipants: number
  /** `seq` of the room's last event. */
  readonly seq: number
  /** When the second participant joined. */
  readonly startedAt: string | null
  /** When it ended. */
  readonly endedAt: string | null
  /** Why it ended. */
  readonly endReason: EndReason | null
  /** Whole seconds that the room has been active; `null` before it started. */
  readonly duration: number | null
  /** When an ended room stopped being active: `endedAt`, or the connection loss that ended it. */
  readonly activeUntil: string | null
  /** The user who may invite, remove and end the group; `null` in a call. A change emits `room_updated`. */
  readonly hostId: string | null
  /** In a call, whether the ring got to a device of the callee; `null` in a group. It changes while the call rings. */
  readonly reach: Reach | null
  /** All participants, past and present, in the order they were added. */
  readonly participants: readonly Participant[]
}

/** The type of an event. `snapshot` is the current state, sent first on a stream without a cursor. */
export type RoomUpdateType =
  | 'snapshot'
  | 'room_created'
  | 'room_started'
  | 'room_ended'
  | 'room_updated'
  | 'participant_invited'
  | 'participant_joined'
  | 'participant_left'
  | 'participant_rejected'
  | 'participant_missed'
  | 'participant_removed'
  | 'participant_updated'
  | 'participant_disconnected'
  | 'participant_reconnected'

/** One entry of a room's log. */
export interface RoomEvent {
  /** Its number: 1, 2, 3, … in each room. */
  readonly seq: number
  /** What happened. */
  readonly type: RoomUpdateType
  /** When. */
  readonly at: string
  /** The user who caused it; `null` if the gateway did, as at a deadline. */
  readonly actorId: string | null
  /** The affected user; `null` if it concerns the room itself. */
  readonly subjectId: string | null
}

/** One event with the room as of that event. Each arrives exactly once and in order. */
export interface RoomUpdate {
  /** Its number: 1, 2, 3, … in each room. */
  readonly seq: number
  /** What happened. */
  readonly type: RoomUpdateType
  /** When. */
  readonly at: string
  /** The user who caused it; `null` if the gateway did, as at a deadline. */
  readonly actorId: string | null
  /** The affected participant; `null` if it concerns the room itself, or many participants at once. */
  readonly participant: Participant | null
  /** The room as of this event. */
  readonly room: Room
}

/** `ringing`, followed by exactly one of the others when the ring ends, on every device. */
export type IncomingCallType = 'ringing' | 'answered' | 'cancelled' | 'rejected' | 'missed'

/** A call to this user starts or stops ringing. */
export interface IncomingCall {
  /** Whether it begins, or why it ceases. */
  readonly type: IncomingCallType
  /** The room to join or to reject. */
  readonly room: Room
  /** With `answered`: the answering device; `null` if it joined without a `deviceId`. */
  readonly deviceId: string | null
  /** `true` only with `answered` on the answering device; the others may show "answered elsewhere". */
  readonly answeredHere: boolean
  /** When. */
  readonly at: string
}

/**
 * An [RTCIceServer](https://www.w3.org/TR/webrtc/#rtciceserver-dictionary), for `new RTCPeerConnection({ iceServers
 * })`.
 */
export interface IceServer {
  /** `stun:` or `turn:` URLs. */
  readonly urls: string[]
  /** For `turn:`: valid for a limited time. */
  readonly username?: string
  /** For `turn:`: derived from the username. */
  readonly credential?: string
}

/** What a joined participant needs to reach the room's media. */
export interface Connection {
  /** The room's media provider. */
  readonly provider: RTCProviderType
  /** The provider's application. */
  readonly appId: string | null
  /** The provider's server. */
  readonly url: string | null
  /** The room, as the provider knows it. */
  readonly roomId: string
  /** The participant, as the provider knows them. */
  readonly userId: string
  /** With `agora`, which identifies users by numbers: the uid to join with. `null` for other providers. */
  readonly uid: number | null
  /** What admits them at the provider. */
  readonly token: string | null
  /** Until when token and credentials are valid. */
  readonly expiresAt: string
  /** Only with `webrtc`; other providers have their own. */
  readonly iceServers: readonly IceServer[]
  /** With `webrtc`: the largest mesh, in participants; each sends to every other. `null` for other providers. */
  readonly meshMax: number | null
}

/** The type of a signal. */
export type SignalType = 'offer' | 'answer' | 'candidate' | 'custom'

/** One WebRTC signalling message from one participant to another. */
export interface Signal {
  /** Its number; later ones are greater. */
  readonly seq: number
  /** Who sent it. */
  readonly fromId: string
  /** Who receives it. */
  readonly toId: string
  /** What it carries. */
  readonly type: SignalType
  /** A JSON object of at most 32 KiB. */
  readonly payload: Readonly<Record<string, unknown>>
  /** When. */
  readonly at: string
}
