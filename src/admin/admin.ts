import type { Clock } from '../core/clock.ts'
import type { Connections } from '../core/connections.ts'
import type { Logger } from '../core/logger.ts'
import type { Observer } from '../core/observer.ts'
import type { Database } from '../db/client.ts'
import type { Notice } from '../events/notice.ts'
import type { Executor } from '../rooms/executor.ts'
import type { RoomStore } from '../rooms/store.ts'
import type { AuditLog } from './audit.ts'
import { type AdminService, createAdminService } from './service.ts'
import { createAdminStore } from './store.ts'
import { UserConnections } from './user-connections.ts'

export interface Administration {
  readonly service: AdminService
  readonly connections: UserConnections
}

/** Assembles what administrators use. */
export function createAdministration(dependencies: {
  readonly database: Pick<Database, 'prisma' | 'statements'>
  readonly nodeId: string
  readonly executor: Pick<Executor, 'execute'>
  readonly rooms: Pick<RoomStore, 'page'>
  /** The connections at this node. */
  readonly connections: Connections
  readonly audit: AuditLog
  /** Sends a notice to the other nodes. Does not throw. */
  announce(notice: Notice): void
  newId(): string
  readonly clock: Clock
  readonly log: Logger
  readonly observer: Observer
}): Administration {
  const store = createAdminStore(dependencies.database)
  const connections = new UserConnections({ ...dependencies, store })
  return { service: createAdminService({ ...dependencies, store, connections }), connections }
}
