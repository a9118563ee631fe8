import type { AuditLog } from '../admin/audit.ts'
import type { UserConnections } from '../admin/user-connections.ts'
import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { Observer } from '../core/observer.ts'
import type { PeriodicJob } from '../core/periodic-job.ts'
import type { Database } from '../db/client.ts'
import type { RetentionStore } from '../retention/store.ts'
import type { Executor } from '../rooms/executor.ts'
import { createAuditHolding } from './audit-holding.ts'
import { createBlockHolding } from './block-holding.ts'
import { createConnectionHolding } from './connection-holding.ts'
import { Erasures } from './erasures.ts'
import type { Holding } from './holdings.ts'
import { createMediaHolding } from './media-holding.ts'
import { createPushHolding } from './push-holding.ts'
import { createRoomEraser, createRoomHoldings } from './rooms-holding.ts'
import { createPeopleService, type PeopleService } from './service.ts'

export interface People {
  readonly service: PeopleService
  /** The personal data of every feature. */
  readonly holdings: readonly Holding[]
  /** Completes erasures that a node did not complete. */
  readonly job: PeriodicJob
}

/** Assembles the export and the erasure of the data that all features hold of people. */
export function createPeople(dependencies: {
  readonly database: Pick<Database, 'prisma' | 'statements'>
  readonly executor: Pick<Executor, 'load' | 'execute'>
  readonly retention: Pick<RetentionStore, 'deleteRoom'>
  readonly connections: Pick<UserConnections, 'disconnect'>
  readonly audit: AuditLog
  readonly clock: Clock
  readonly log: Logger
  readonly observer: Observer
  /** Called after the log of a room was rewritten: no node may use what it has read of it. Neither throws nor blocks. */
  onRewritten(roomId: string): void
}): People {
  const { prisma } = dependencies.database
  const eraser = createRoomEraser({ ...dependencies, prisma })
  // A feature that stores data of users adds its holding here.
  const holdings: readonly Holding[] = [
    ...createRoomHoldings(prisma, eraser),
    createBlockHolding(prisma),
    createMediaHolding(prisma),
    createPushHolding(prisma),
    createConnectionHolding(prisma),
    createAuditHolding(prisma, eraser),
  ]
  const erasures = new Erasures({ ...dependencies, holdings })
  return { service: createPeopleService({ ...dependencies, holdings, erasures }), holdings, job: erasures.job }
}
