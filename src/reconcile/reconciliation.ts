import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { Observer } from '../core/observer.ts'
import type { PeriodicJob } from '../core/periodic-job.ts'
import type { Database } from '../db/client.ts'
import { constantKind, type DestinationKind } from '../delivery/destination.ts'
import type { Media } from '../media/connection.ts'
import { type configuredProviders, controlVariablesOf, type Hooks, MEDIA_SERVICES } from '../media/providers.ts'
import type { Executor } from '../rooms/executor.ts'
import { createMediaDestination } from './destination.ts'
import { MediaReconciler } from './reconciler.ts'
import { MediaRemoval } from './removal.ts'
import { createStayStore } from './stay-store.ts'

interface Dependencies {
  readonly services: ReturnType<typeof configuredProviders>
  readonly media: Media
  readonly database: Pick<Database, 'prisma'>
  readonly executor: Pick<Executor, 'load' | 'execute'>
  readonly clock: Clock
  readonly log: Logger
  readonly observer: Observer
}

/** What keeps the log and the media services in agreement. */
export interface Reconciliation {
  /** The configured webhooks. */
  readonly hooks: Hooks
  readonly reconciler: MediaReconciler
  /** Acts on the reports of the webhooks; absent if none is configured. */
  readonly job: PeriodicJob | undefined
  /** The services whose room control is configured, as receivers of events. */
  readonly destinations: readonly DestinationKind[]
  /** What is missing for room control, for each configured provider without it. */
  readonly warnings: readonly string[]
}

export function createReconciliation(dependencies: Dependencies): Reconciliation {
  const { services, media, database, ...rest } = dependencies
  const { hooks, controls, providers } = services
  const store = createStayStore(database.prisma)
  const removal = new MediaRemoval({ controls, store, media, observer: rest.observer })
  const reconciler = new MediaReconciler({ ...rest, store, removal, controls })
  const controlled = MEDIA_SERVICES.filter((service) => controls[service])
  const uncontrolled = MEDIA_SERVICES.filter((service) => providers[service] && !controls[service])
  return {
    hooks,
    reconciler,
    job: MEDIA_SERVICES.some((service) => hooks[service]) ? reconciler.job : undefined,
    destinations:
      controlled.length > 0
        ? [constantKind(...controlled.map((service) => createMediaDestination(service, { ...rest, store, removal })))]
        : [],
    warnings: uncontrolled.map(
      (service) =>
        `removed users keep the media of ${service} until they leave it: room control requires ` +
        controlVariablesOf(service).join(', '),
    ),
  }
}
