/** What the page reads, with the types of the answers. */

export interface RoomSummary {
  readonly id: string
  readonly type: 'P2P' | 'GROUP'
  readonly mediaType: 'AUDIO' | 'VIDEO'
  readonly status: 'WAITING' | 'ACTIVE' | 'ENDED'
  readonly callerId: string
  readonly calleeId: string | null
  readonly name: string | null
  readonly createdAt: string
  readonly endReason: string | null
}

export interface ListedRoom extends RoomSummary {
  readonly participantsPage: { readonly totalCount: number }
}

export interface ParticipantRow {
  readonly userId: string
  readonly role: string
  readonly state: string
  readonly audio: boolean
  readonly video: boolean
  readonly connected: boolean
  readonly joinedAt: string | null
}

export interface RoomDetail extends RoomSummary {
  readonly hostId: string | null
  readonly seq: number
  readonly duration: number | null
  readonly participantsPage: {
    readonly totalCount: number
    readonly edges: readonly { readonly node: ParticipantRow }[]
  }
}

export interface RoomEventRow {
  readonly seq: number
  readonly type: string
  readonly at: string
  readonly actorId: string | null
  readonly subjectIds: readonly string[]
}

export interface NodeRow {
  readonly id: string
  readonly startedAt: string
  readonly seenAt: string
  readonly alive: boolean
  readonly sockets: number | null
  readonly eventStreams: number | null
  readonly users: number | null
  readonly rooms: number | null
  readonly eventLoopDelay: number | null
  readonly memory: number | null
}

export interface AuditRow {
  readonly id: string
  readonly at: string
  readonly actorId: string
  readonly action: string
  readonly roomId: string | null
}

export interface Dashboard {
  readonly adminOverview: { readonly waiting: number; readonly active: number; readonly lag: number }
  readonly nodes: readonly NodeRow[]
  readonly adminRooms: { readonly edges: readonly { readonly node: ListedRoom }[] }
  readonly auditLog: { readonly edges: readonly { readonly node: AuditRow }[] }
}

const SUMMARY = 'id type mediaType status callerId calleeId name createdAt endReason'

export const DASHBOARD = `query Dashboard($filter: AdminRoomFilter) {
  adminOverview { waiting active lag }
  nodes { id startedAt seenAt alive sockets eventStreams users rooms eventLoopDelay memory }
  adminRooms(first: 30, filter: $filter) {
    edges { node { ${SUMMARY} participantsPage(first: 1, state: [JOINED]) { totalCount } } }
  }
  auditLog(first: 8) { edges { node { id at actorId action roomId } } }
}`

export const ROOM = `query Room($id: ID!, $after: Int!) {
  room(id: $id) {
    ${SUMMARY} hostId seq duration
    participantsPage(first: 100) {
      totalCount edges { node { userId role state audio video connected joinedAt } }
    }
    events(after: $after, first: 100) { seq type at actorId subjectIds }
  }
}`

export const ROOM_SEQ = 'query RoomSeq($id: ID!) { room(id: $id) { seq } }'

export const ROOM_UPDATES = `subscription RoomUpdates($roomId: ID!) { roomUpdated(roomId: $roomId) { seq } }`

export interface Sessions {
  readonly userId: string
  readonly connections: readonly { readonly nodeId: string; readonly kind: string; readonly openedAt: string }[]
  readonly seats: readonly { readonly roomId: string; readonly deviceId: string | null; readonly connected: boolean }[]
  readonly missingNodes: readonly string[]
}

export const SESSIONS = `query Sessions($userId: ID!) { adminUserSessions(userId: $userId) {
  userId connections { nodeId kind openedAt } seats { roomId deviceId connected } missingNodes } }`

export const END_ROOM = 'mutation EndRoom($roomId: ID!) { endRoom(input: { roomId: $roomId }) { room { id } } }'
export const REMOVE = `mutation Remove($roomId: ID!, $userId: ID!) {
  removeParticipant(input: { roomId: $roomId, userId: $userId }) { room { id } } }`
export const DISCONNECT = `mutation Disconnect($userId: ID!) {
  disconnectUser(input: { userId: $userId }) { connections { nodeId } } }`
export const END_ALL = `mutation EndAll($of: ID!) { endAllRooms(input: { of: $of }) { roomIds hasMore } }`
