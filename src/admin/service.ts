import type { Actor } from '../core/actor.ts'
import type { Clock } from '../core/clock.ts'
import { RtcError } from '../core/errors.ts'
import type { Executor } from '../rooms/executor.ts'
import type { RoomFields } from '../rooms/model.ts'
import { requireAdmin } from '../rooms/policy.ts'
import type { RoomStore } from '../rooms/store.ts'
import type { AuditEntry, AuditFilter, AuditLog } from './audit.ts'
import type { AdminRoomFilter, ForwardPage } from './input.ts'
import type { AdminStore, GatewayNode, Overview, UserLease, UserSeat } from './store.ts'
import type { UserConnections, UserConnectionsReport } from './user-connections.ts'

export interface ItemPage<Item> {
  readonly items: readonly Item[]
  readonly hasNextPage: boolean
}

/** What a user holds at all nodes. */
export interface UserSessions extends UserConnectionsReport {
  readonly userId: string
  readonly seats: readonly UserSeat[]
  readonly leases: readonly UserLease[]
}

/** The rooms that `endAllRooms` has ended. */
export interface EndedRooms {
  readonly roomIds: readonly string[]
  /** The user has more live rooms: call again. */
  readonly hasMore: boolean
}

/** The use cases of administrators. Each of them throws RtcError FORBIDDEN without the scope rtc:admin. */
export interface AdminService {
  /** Rooms of all users, newest first. */
  rooms(actor: Actor, filter: AdminRoomFilter, page: ForwardPage): Promise<ItemPage<RoomFields>>
  userSessions(actor: Actor, userId: string): Promise<UserSessions>
  /** Closes every connection of the user, at every node. The user may connect again. */
  disconnectUser(actor: Actor, userId: string): Promise<UserConnectionsReport>
  /** Ends the live calls of the user, and the live groups that the user hosts. */
  endAllRooms(actor: Actor, userId: string): Promise<EndedRooms>
  nodes(actor: Actor): Promise<readonly GatewayNode[]>
  overview(actor: Actor): Promise<Overview>
  auditLog(actor: Actor, filter: AuditFilter, page: ForwardPage): Promise<ItemPage<AuditEntry>>
}

/** Rooms that one `endAllRooms` ends. */
export const END_MAX = 100

export function createAdminService(dependencies: {
  readonly executor: Pick<Executor, 'execute'>
  readonly rooms: Pick<RoomStore, 'page'>
  readonly store: AdminStore
  readonly connections: UserConnections
  readonly audit: AuditLog
  readonly clock: Clock
}): AdminService {
  const { executor, rooms, store, connections, audit, clock } = dependencies

  return {
    async rooms(actor, { userId, since, ...filter }, { first, after }) {
      requireAdmin(actor)
      const scope = userId === null ? 'all' : { participantId: userId, exceptState: null }
      const query = { scope, filter: { ...filter, from: since }, before: null, backward: false } as const
      return pageOf(await rooms.page({ ...query, after, limit: first + 1 }), first)
    },

    async userSessions(actor, userId) {
      requireAdmin(actor)
      const [report, seats, leases] = await Promise.all([
        connections.list(userId),
        store.seatsOf(userId),
        store.leasesOf(userId),
      ])
      return { userId, ...report, seats, leases }
    },

    async disconnectUser(actor, userId) {
      requireAdmin(actor)
      await audit.record({ actor, action: 'disconnect_user', userId })
      return connections.disconnect(userId)
    },

    async endAllRooms(actor, userId) {
      requireAdmin(actor)
      await audit.record({ actor, action: 'end_all_rooms', userId })
      const found = await store.endableRooms(userId, END_MAX + 1)
      const ended: string[] = []
      for (const roomId of found.slice(0, END_MAX)) {
        if (await endedNow(() => executor.execute(roomId, { type: 'end', actor }))) ended.push(roomId)
      }
      return { roomIds: ended, hasMore: found.length > END_MAX }
    },

    async nodes(actor) {
      requireAdmin(actor)
      return store.nodes()
    },

    async overview(actor) {
      requireAdmin(actor)
      return store.overview(clock.now())
    },

    async auditLog(actor, filter, { first, after }) {
      requireAdmin(actor)
      return pageOf(await audit.page(filter, { after, limit: first + 1 }), first)
    },
  }
}

/** Whether the room was ended; false if it was deleted meanwhile. */
async function endedNow(end: () => Promise<unknown>): Promise<boolean> {
  try {
    await end()
    return true
  } catch (error) {
    if (error instanceof RtcError && error.code === 'NOT_FOUND') return false
    throw error
  }
}

/** The first `size` of `size + 1` items. */
const pageOf = <Item>(items: readonly Item[], size: number): ItemPage<Item> => ({
  items: items.slice(0, size),
  hasNextPage: items.length > size,
})
