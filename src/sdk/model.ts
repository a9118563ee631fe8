/** Enums are lower case here, as in the gateway's REST API; times are ISO 8601 in UTC; what is absent is `null`. */

/** A call between two, or a room for many. */
export type RoomType = 'p2p' | 'group'
/** What a call is about; video includes audio. */
export type MediaType = 'audio' | 'video'
/** `waiting` until a second participant has joined; `ended` for good. */
export type RoomStatus = 'waiting' | 'active' | 'ended'
/** Who may join: those invited, or anybody who knows the id. */
export type RoomAccess = 'invited' | 'link'
/** Why a room is over. */
export type EndReason = 'completed' | 'cancelled' | 'rejected' | 'busy' | 'missed' | 'empty' | 'expired' | 'failed'
/** In which capacity somebody is in a room. */
export type ParticipantRole = 'caller' | 'callee' | 'member' | 'observer'
/** Where somebody stands with a room. */
export type ParticipantState = 'invited' | 'joined' | 'left' | 'rejected' | 'missed' | 'removed'
/** Why somebody is out of a room. */
export type LeaveReason = 'left' | 'removed' | 'disconnected' | 'replaced' | 'ended'

/** What carries a room's media. */
export const RTCProviderType = {
  /** Peer to peer, by the browser alone: needs no account. */
  WEBRTC: 'webrtc',
  VOLCENGINE: 'volcengine',
  LIVEKIT: 'livekit',
  TENCENT: 'tencent',
  AGORA: 'agora',
} as const
/** One of {@link RTCProviderType}. */
export type RTCProviderType = (typeof RTCProviderType)[keyof typeof RTCProviderType]

/** The kind of a device, numbered as the instant messaging server numbers them. */
export const DeviceFlag = { APP: 0, WEB: 1, PC: 2 } as const
/** One of {@link DeviceFlag}. */
export type DeviceFlag = (typeof DeviceFlag)[keyof typeof DeviceFlag]

/** A user's place in a room, for all of their stays. */
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
  /** Start of the current or last stay. */
  readonly joinedAt: string | null
  readonly leftAt: string | null
  readonly leaveReason: LeaveReason | null
  /** Whole seconds of all stays, the present one included. */
  readonly duration: number
  /** The session that holds the seat: each join that is not a repeat begins one. `null` unless joined. */
  readonly sessionId: string | null
  /** When the connection was lost: the stay and its `duration` end then, unless it comes back. */
  readonly lostAt: string | null
}

/** A room or call. */
export interface Room {
  /** UUID v7, the same string in REST and GraphQL. */
  readonly id: string
  readonly type: RoomType
  readonly callerId: string
  /** The one called; `null` in a group. */
  readonly calleeId: string | null
  readonly mediaType: MediaType
  readonly status: RoomStatus
  readonly createdAt: string
  readonly name: string | null
  /** The application's own JSON object. */
  readonly metadata: Readonly<Record<string, unknown>> | null
  readonly provider: RTCProviderType
  readonly access: RoomAccess
  /** How many may be joined at the same time. */
  readonly maxParticipants: number
  /** Number of the room's last event. */
  readonly seq: number
  /** When the second participant joined. */
  readonly startedAt: string | null
  readonly endedAt: string | null
  readonly endReason: EndReason | null
  /** Whole seconds that the room was, or has been, active; `null` before. */
  readonly duration: number | null
  /** Until when an ended room was active: `endedAt`, or the loss of the connection that ended it. */
  readonly activeUntil: string | null
  /** Who invites into a group, removes and ends it; `null` in a call between two. `room_updated` says when it changes. */
  readonly hostId: string | null
  /** Everybody who ever had a place in the room, in the order they came. */
  readonly participants: readonly Participant[]
}

/** What happened; `snapshot` is how things stood, where a stream began without a cursor. */
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
  /** Who did it; `null` when time did. */
  readonly actorId: string | null
  /** The user whom it happened to; `null` for the room itself. */
  readonly subjectId: string | null
}

/** One event of a room: what happened, and the room as of then. Each comes exactly once and in order. */
export interface RoomUpdate {
  readonly seq: number
  readonly type: RoomUpdateType
  readonly at: string
  /** Who did it; `null` when time did. */
  readonly actorId: string | null
  /** Whom it happened to; `null` for the room itself. */
  readonly participant: Participant | null
  readonly room: Room
}

/** `ringing`, then one of the others: the ringing is over on every device. */
export type IncomingCallType = 'ringing' | 'answered' | 'cancelled' | 'rejected' | 'missed'

/** A call to this user begins to ring, or ceases to. */
export interface IncomingCall {
  readonly type: IncomingCallType
  readonly room: Room
  /** With `answered`: the device that did; `null` is one without a `deviceId`. */
  readonly deviceId: string | null
  /** `true` only with `answered`, on the device that did: the others may say "answered elsewhere". */
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
  /** Only for `webrtc`: other providers bring their own. */
  readonly iceServers: readonly IceServer[]
  /** With `webrtc`: how many participants a mesh carries, each sending to each other. Null for other providers. */
  readonly meshMax: number | null
}

/** What two participants exchange to reach each other. */
export type SignalType = 'offer' | 'answer' | 'candidate' | 'custom'

/** One message of signalling, from one participant of a room to another. */
export interface Signal {
  readonly seq: number
  readonly fromId: string
  readonly toId: string
  readonly type: SignalType
  readonly payload: Readonly<Record<string, unknown>>
  readonly at: string
}
