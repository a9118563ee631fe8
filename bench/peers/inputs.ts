import type { MediaType, RoomAccess, RoomType } from '../../src/db/generated/prisma/enums.ts'

/** The inputs of the mutations, as far as the benchmark uses them. */
export interface CreateRoomInput {
  readonly type: RoomType
  readonly calleeId?: string | null
  readonly participantIds?: readonly string[]
  readonly mediaType?: MediaType
  readonly access?: RoomAccess
  readonly maxParticipants?: number
}

export interface JoinRoomInput {
  readonly roomId: string
  readonly audio?: boolean | null
  readonly video?: boolean | null
}

export interface LeaveRoomInput {
  readonly roomId: string
}

export interface UpdateParticipantInput {
  readonly roomId: string
  readonly audio?: boolean | null
  readonly video?: boolean | null
}
