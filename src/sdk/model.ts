/** Enums are lower case, as in the gateway's REST API; times are ISO 8601 in UTC; absent values are `null`. */

/** A call between two users, or a group. */
export type RoomType = 'p2p' | 'group'
/** The kind of a call; video includes audio. */
export type MediaType = 'audio' | 'video'
/** `waiting` until a second participant has joined; `ended` for good. */
export type RoomStatus = 'waiting' | 'active' | 'ended'
/** Who may join: only invited users, or anybody who knows the room's id. */
export type RoomAccess = 'invited' | 'link'
/** Why a room ended. */
export type EndReason = 'completed' | 'cancelled' | 'rejected' | 'busy' | 'missed' | 'empty' | 'expired' | 'failed'
/** The role of a participant. */
export type ParticipantRole = 'caller' | 'callee' | 'member' | 'observer'
/** The state of a participant. */
export type ParticipantState = 'invited' | 'joined' | 'left' | 'rejected' | 'missed' | 'removed'
/** Why a membership ended. */
export type LeaveReason = 'left' | 'removed' | 'disconnected' | 'replaced' | 'ended'

/** The provider that carries a room's media. */
export const RTCProviderType = {
  /** Peer to peer between browsers; needs no vendor account. */
  WEBRTC: 'webrtc',
  VOLCENGINE: 'volcengine',
  LIVEKIT: 'livekit',
  TENCENT: 'tencent',
  AGORA: 'agora',
} as const
/** One of {@link RTCProviderType}. */
export type RTCProviderType = (typeof RTCProviderType)[keyof typeof RTCProviderType]

/** The kind of a device, with the numbers of the instant messaging server. */
export const DeviceFlag = { APP: 0, WEB: 1, PC: 2 } as const
/** One of {@link DeviceFlag}. */
export type DeviceFlag = (typeof DeviceFlag)[keyof typeof DeviceFlag]

/** A user in a room, from the invitation on, across all memberships. */
export interface Participant {
  /** `<roomId>:<userId>` */
  readonly id: string
  readonly userId: string
  readonly role: ParticipantRole
  readonly state: ParticipantState
  /** Publishing audio, not muted. */
  readonly audio: boolean
  /** Publishing the camera. */
  readonly video: boolean
  /** `false` only while the grace of a lost connection runs. */
  readonly connected: boolean
  /** Start of the current or last membership. */
  readonly joinedAt: string | null
  readonly leftAt: string | null
  readonly leaveReason: LeaveReason | null
  /** Total of all memberships in whole seconds, including the current one. */
  readonly duration: number
  /** The current session, begun by the join; a repeated join keeps it. `null` unless joined. */
  readonly sessionId: string | null
  /** When the connection was lost: the membership and its `duration` end then unless it is restored. */
  readonly lostAt: string | null
}

/** A room or call. */
export interface Room {
  /** UUID v7, the same string in REST and GraphQL. */
  readonly id: string
  readonly type: RoomType
  readonly callerId: string
  /** The called user; `null` in a group. */
  readonly calleeId: string | null
  readonly mediaType: MediaType
  readonly status: RoomStatus
  readonly createdAt: string
  readonly name: string | null
  /** The application's own JSON object. */
  readonly metadata: Readonly<Record<string, unknown>> | null
  readonly provider: RTCProviderType
  readonly access: RoomAccess
  /** Maximum number of participants joined at the same time. */
  readonly maxParticipants: number
  /** `seq` of the room's last event. */
  readonly seq: number
  /** When the second participant joined. */
  readonly startedAt: string | null
  readonly endedAt: string | null
  readonly endReason: EndReason | null
  /** Whole seconds that the room has been active; `null` before it started. */
  readonly duration: number | null
  /** When an ended room stopped being active: `endedAt`, or the connection loss that ended it. */
  readonly activeUntil: string | null
  /** The user who may invite, remove and end the group; `null` in a call. A change emits `room_updated`. */
  readonly hostId: string | null
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
  readonly seq: number
  readonly type: RoomUpdateType
  readonly at: string
  /** The user who caused it; `null` if a deadline did. */
  readonly actorId: string | null
  /** The affected user; `null` if it concerns the room itself. */
  readonly subjectId: string | null
}

/** One event with the room as of that event. Each arrives exactly once and in order. */
export interface RoomUpdate {
  readonly seq: number
  readonly type: RoomUpdateType
  readonly at: string
  /** The user who caused it; `null` if a deadline did. */
  readonly actorId: string | null
  /** The affected participant; `null` if it concerns the room itself, or many participants at once. */
  readonly participant: Participant | null
  readonly room: Room
}

/** `ringing`, followed by exactly one of the others when the ring ends, on every device. */
export type IncomingCallType = 'ringing' | 'answered' | 'cancelled' | 'rejected' | 'missed'

/** A call to this user starts or stops ringing. */
export interface IncomingCall {
  readonly type: IncomingCallType
  readonly room: Room
  /** With `answered`: the answering device; `null` if it joined without a `deviceId`. */
  readonly deviceId: string | null
  /** `true` only with `answered` on the answering device; the others may show "answered elsewhere". */
  readonly answeredHere: boolean
  readonly at: string
}

/** An RTCIceServer, ready for `new RTCPeerConnection({ iceServers })`. */
export interface IceServer {
  readonly urls: string[]
  readonly username?: string
  readonly credential?: string
}

/** What a joined participant needs to reach the room's media. */
export interface Connection {
  readonly provider: RTCProviderType
  readonly appId: string | null
  readonly url: string | null
  readonly roomId: string
  readonly userId: string
  readonly token: string | null
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
  readonly seq: number
  readonly fromId: string
  readonly toId: string
  readonly type: SignalType
  readonly payload: Readonly<Record<string, unknown>>
  readonly at: string
}
