import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { Observer } from '../core/observer.ts'
import type { PeriodicJob } from '../core/periodic-job.ts'
import type { Database } from '../db/client.ts'
import type { DestinationKind } from '../delivery/destination.ts'
import { configuredEndpoints, createWebhookKind } from './kind.ts'
import { createWebhookPurge } from './purge.ts'
import { WebhookSender } from './sender.ts'
import { createWebhookService, type WebhookService, type WebhookServiceDependencies } from './service.ts'
import { createWebhookStore } from './store.ts'
import type { WebhookConfig, WebhookSecrets } from './variables.ts'

/** The parts of webhooks. */
export interface Webhooks {
  readonly service: WebhookService
  readonly kind: DestinationKind
  /** To be closed after the deliveries have stopped. */
  readonly sender: WebhookSender
  readonly purge: PeriodicJob
}

interface Dependencies extends Pick<WebhookServiceDependencies, 'deliveries' | 'onChange' | 'onAdminAction'> {
  readonly config: WebhookConfig
  readonly secrets: WebhookSecrets
  readonly database: Pick<Database, 'prisma' | 'statements'>
  readonly clock: Clock
  readonly log: Logger
  readonly observer: Observer
  newId(): string
}

/** Wires the parts of webhooks; does no I/O. */
export function createWebhooks(dependencies: Dependencies): Webhooks {
  const { config, secrets: given, database, clock, log, observer, newId, ...rest } = dependencies
  const { urls, ...rules } = config
  const { webhookSecrets: secrets = [], webhookKey: ed25519 } = given
  const store = createWebhookStore(database)
  const sender = new WebhookSender(rules)
  return {
    sender,
    kind: createWebhookKind({ sender, store, urls, secrets, ed25519, rules, clock, newId }),
    service: createWebhookService({
      ...rest,
      store,
      configured: configuredEndpoints({ urls, secrets }),
      rules,
      clock,
      newId,
    }),
    purge: createWebhookPurge({ store, clock, log, observer }),
  }
}
