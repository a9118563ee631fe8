import { eventOf, roomOf, upper } from './convert.ts'
import { RtcError } from './errors.ts'
import type { Gateway } from './gateway.ts'
import {
  CreateRoomDocument,
  EndRoomDocument,
  GetEventsDocument,
  GetRoomDocument,
  InviteParticipantsDocument,
  ListRoomsDocument,
  RejectCallDocument,
  RemoveParticipantDocument,
  TransferHostDocument,
} from './generated/graphql.ts'
import { checkListEvents, checkReason, checkText, checkTexts, createRoomInput, listRoomsVariables } from './inputs.ts'
import type { Room, RoomEvent } from './model.ts'
import type { CreateRoomOptions, InitOptions, ListEventsOptions, ListRoomsOptions, RoomPage } from './options.ts'

/**
 * Requests about any room of the user, whether this client has joined it or not. Arguments are checked before sending.
 */
export class RoomRequests {
  readonly #gateway: Gateway
  readonly #userId: () => string

  constructor({ gateway, userId }: { readonly gateway: Gateway; readonly userId: () => string }) {
    this.#gateway = gateway
    this.#userId = userId
  }

  async create(options: CreateRoomOptions, defaults: InitOptions): Promise<Room> {
    const input = createRoomInput(options, defaults)
    const { createRoom } = await this.#gateway.request(CreateRoomDocument, { input })
    return roomOf(createRoom.room)
  }

  async end(roomId: string): Promise<Room> {
    const { endRoom } = await this.#gateway.request(EndRoomDocument, { input: { roomId } })
    return roomOf(endRoom.room)
  }

  async reject(roomId: string, reason: 'declined' | 'busy'): Promise<Room> {
    checkText('roomId', roomId)
    checkReason(reason)
    const input = { roomId, reason: upper(reason) }
    try {
      const { rejectCall } = await this.#gateway.request(RejectCallDocument, { input })
      return roomOf(rejectCall.room)
    } catch (error) {
      // An earlier attempt may have succeeded although its response was lost.
      const room = await this.get(roomId).catch(() => undefined)
      const own = room?.participants.find(({ userId }) => userId === this.#userId())
      if (room && own?.state === 'rejected') return room
      throw error
    }
  }

  async invite(roomId: string, userIds: readonly string[]): Promise<Room> {
    checkText('roomId', roomId)
    checkTexts('userIds', userIds)
    const input = { roomId, userIds: [...userIds] }
    const { inviteParticipants } = await this.#gateway.request(InviteParticipantsDocument, { input })
    return roomOf(inviteParticipants.room)
  }

  async transferHost(roomId: string, userId: string): Promise<Room> {
    const { transferHost } = await this.#gateway.request(TransferHostDocument, { input: { roomId, userId } })
    return roomOf(transferHost.room)
  }

  async remove(roomId: string, userId: string): Promise<Room> {
    checkText('roomId', roomId)
    checkText('userId', userId)
    const { removeParticipant } = await this.#gateway.request(RemoveParticipantDocument, { input: { roomId, userId } })
    return roomOf(removeParticipant.room)
  }

  async get(roomId: string): Promise<Room> {
    checkText('roomId', roomId)
    const { room } = await this.#gateway.request(GetRoomDocument, { id: roomId })
    if (!room) throw new RtcError('NOT_FOUND', 'There is no such room.')
    return roomOf(room)
  }

  async events(roomId: string, options: ListEventsOptions): Promise<readonly RoomEvent[]> {
    checkText('roomId', roomId)
    checkListEvents(options)
    const { first, after } = options
    const variables = { roomId, first: first ?? null, after: after ?? null }
    const { room } = await this.#gateway.request(GetEventsDocument, variables)
    if (!room) throw new RtcError('NOT_FOUND', 'There is no such room.')
    return room.events.map(eventOf)
  }

  async list(options: ListRoomsOptions): Promise<RoomPage> {
    const variables = listRoomsVariables(options)
    const { rooms } = await this.#gateway.request(ListRoomsDocument, variables)
    const { hasNextPage, endCursor } = rooms.pageInfo
    return { rooms: rooms.edges.map(({ node }) => roomOf(node)), hasNextPage, endCursor }
  }
}
