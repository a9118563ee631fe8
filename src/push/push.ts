import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { Observer } from '../core/observer.ts'
import type { PeriodicJob } from '../core/periodic-job.ts'
import type { Database } from '../db/client.ts'
import { constantKind, type DestinationKind } from '../delivery/destination.ts'
import type { Rates } from '../limits/rates.ts'
import type { Room } from '../rooms/model.ts'
import { WebhookSender } from '../webhooks/sender.ts'
import { createPushDestination } from './destination.ts'
import { problemOfEndpoint } from './endpoint-rules.ts'
import { PushGateway } from './gateway.ts'
import { createPushPurge } from './purge.ts'
import { createPushService, type PushService } from './service.ts'
import { createPushStore } from './store.ts'
import type { PushConfig } from './variables.ts'
import { type VapidKeys, VapidSigner } from './vapid.ts'
import { WebPush } from './web-push.ts'

/** The parts of push. */
export interface Push {
  readonly service: PushService
  /** Without destinations if nothing can be pushed to. */
  readonly kind: DestinationKind
  /** Which of the users have a subscription that is pushed to; at most one statement. */
  hasSubscriptions(userIds: readonly string[]): Promise<ReadonlySet<string>>
  readonly purge: PeriodicJob
  /** To be called after the deliveries have stopped. */
  close(): void
}

interface Dependencies {
  readonly config: PushConfig
  /** Absent: Web Push is off. */
  readonly vapid: VapidKeys | undefined
  /** Certificates of authorities that the push services may have. @default those of Node.js */
  readonly ca?: string | undefined
  readonly database: Pick<Database, 'prisma' | 'statements'>
  load(roomId: string): Promise<Room | null>
  /** A push service has accepted that a call rings for a user. */
  reached?(roomId: string, userId: string): Promise<void>
  readonly rates: Pick<Rates, 'count'>
  readonly clock: Clock
  readonly log: Logger
  readonly observer: Observer
  newId(): string
}

/** Wires the parts of push; does no I/O. */
export function createPush(dependencies: Dependencies): Push {
  const { config, vapid, ca, database, load, reached, rates, clock, log, observer, newId } = dependencies
  const store = createPushStore(database)
  const sender = new WebhookSender({ allowPrivate: config.allowPrivate, allowedBy: 'PUSH_ALLOW_PRIVATE', ca })
  const apps = config.gatewayUrl === undefined ? undefined : new PushGateway(config.gatewayUrl)
  const browsers = vapid && new WebPush({ sender, signer: new VapidSigner(vapid, clock), clock })
  const destination = createPushDestination({
    store,
    load,
    reached: reached ?? (() => Promise.resolve()),
    clock,
    log,
    observer,
    async send({ target, createdAt }, message, signal) {
      if (target.kind === 'browser' && browsers) {
        // PUSH_HOSTS may have changed since the registration.
        const problem = problemOfEndpoint(target.endpoint, config)
        if (problem) return { kind: 'refused', reason: `the endpoint ${problem}` }
        return browsers.send(target, message, signal)
      }
      if (target.kind === 'app' && apps) return apps.send(target, message, { registeredAt: createdAt, signal })
      return { kind: 'refused', reason: 'this kind of push is not configured' }
    },
  })
  const kinds = { browser: browsers !== undefined, app: apps !== undefined }
  const isOn = kinds.browser || kinds.app
  return {
    service: createPushService({
      store,
      publicKey: vapid?.publicKey,
      hasGateway: apps !== undefined,
      rules: config,
      rates,
      clock,
      newId,
    }),
    kind: isOn ? constantKind(destination) : constantKind(),
    hasSubscriptions: async (userIds) => (isOn ? store.subscribed(userIds, kinds) : new Set()),
    purge: createPushPurge({ store, clock, log, observer }),
    close: () => sender.close(),
  }
}
