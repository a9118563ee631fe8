import { type Administration, createAdministration } from './admin/admin.ts'
import { createAuditLog } from './admin/audit.ts'
import { type Authenticate, createAuthenticate } from './auth/authenticate.ts'
import { signer } from './auth/development.ts'
import { createKeySet } from './auth/key-set.ts'
import { createVerifier } from './auth/verify.ts'
import { type BlockService, createBlockService } from './blocks/service.ts'
import { createBlockStore } from './blocks/store.ts'
import { IncomingCalls } from './calls/incoming.ts'
import type { Configuration } from './config.ts'
import { type Scheduler, systemClock } from './core/clock.ts'
import { Connections } from './core/connections.ts'
import { Failures } from './core/failures.ts'
import { createIds } from './core/ids.ts'
import { Lifecycle } from './core/lifecycle.ts'
import type { PeriodicJob } from './core/periodic-job.ts'
import type { Logger } from './core/logger.ts'
import { combineObservers, noObserver, type Observer } from './core/observer.ts'
import type { Tracer, Tracing } from './core/tracer.ts'
import { TimeSlices } from './core/time-slices.ts'
import { TIMEOUTS, type Timeouts } from './core/timeouts.ts'
import { neverOverloaded, type OverloadGuard } from './core/overload.ts'
import { createDatabase, type Database } from './db/client.ts'
import { migrate, requireMigrated } from './db/migrate.ts'
import type { DestinationKind } from './delivery/destination.ts'
import { Dispatcher } from './delivery/dispatcher.ts'
import { renumberRestored } from './delivery/restored.ts'
import { createDeliveryStore } from './delivery/store.ts'
import { Bus } from './events/bus.ts'
import { createCatchUp } from './events/catch-up.ts'
import { FanOut } from './events/fan-out.ts'
import { Hub } from './events/hub.ts'
import { createNatsBus } from './events/nats-bus.ts'
import { createNotifyBus } from './events/notify-bus.ts'
import type { NodeMetrics } from './metrics/metrics.ts'
import { createEventLog } from './rooms/event-log.ts'
import type { LiveStreams } from './events/live-streams.ts'
import type { Notice } from './events/notice.ts'
import { createRoomStreams, type RoomStreams } from './events/stream.ts'
import { createRates, type Rates } from './limits/rates.ts'
import { createLogObserver, createObserverErrorLog } from './logs/observer.ts'
import { createMedia, type Media } from './media/connection.ts'
import { configuredProviders } from './media/providers.ts'
import { createPeople, type People } from './people/people.ts'
import { type NodeFigures, ProcessFigures } from './presence/figures.ts'
import { Heartbeat } from './presence/heartbeat.ts'
import { createLeaseStore } from './presence/lease-store.ts'
import { createAbsenceSweeper } from './presence/absence.ts'
import { Leases } from './presence/leases.ts'
import { createPresence } from './presence/presence.ts'
import { ConnectedUsers } from './presence/connected-users.ts'
import { createConnectedUserStore } from './presence/connected-user-store.ts'
import { createSweeper } from './presence/sweeper.ts'
import { createReconciliation, type Reconciliation } from './reconcile/reconciliation.ts'
import { type Readiness, readinessOf } from './readiness.ts'
import { createPush, type Push } from './push/push.ts'
import type { VapidKeys } from './push/vapid.ts'
import { createRetentionPurge } from './retention/purge.ts'
import { createRetentionStore } from './retention/store.ts'
import { createExecutor } from './rooms/executor.ts'
import { createRingChecker } from './rooms/ring-checker.ts'
import { createRoomReaders, type OpenRoomReader } from './rooms/reader.ts'
import { createRoomService, type RoomService } from './rooms/service.ts'
import { RoomSnapshots } from './rooms/snapshots.ts'
import { createRoomStore } from './rooms/store.ts'
import { createTotalsReader } from './rooms/totals.ts'
import { createRoomWrites } from './rooms/writes.ts'
import { createSignalPurge } from './signals/purge.ts'
import { Signals } from './signals/service.ts'
import { createSignalStore } from './signals/store.ts'
import { createWebhooks, type Webhooks } from './webhooks/webhooks.ts'
import { createWukongim } from './wukongim/wukongim.ts'

/** The gateway without its transports. */
export interface App {
  readonly configuration: Configuration
  readonly log: Logger
  /** Receives facts from every part, including the transports. */
  readonly observer: Observer
  /** Absent unless traces are exported. */
  readonly tracer: Tracer | undefined
  readonly clock: Scheduler
  readonly prisma: Database['prisma']
  readonly statements: Database['statements']
  readonly authenticate: Authenticate
  /** Signs a token for any user, valid for a day. Development mode only. */
  readonly developmentToken: ReturnType<typeof signer> | undefined
  /** Rates per user, shared by all transports. */
  readonly rates: Rates
  readonly rooms: RoomService
  readonly openRoomReader: OpenRoomReader
  readonly blocks: BlockService
  readonly admin: Administration['service']
  readonly people: People['service']
  /** The personal data of every feature. */
  readonly holdings: People['holdings']
  readonly webhooks: Webhooks['service']
  readonly push: Push['service']
  /** The open WebSockets and event streams at this node. */
  readonly connections: Connections
  readonly streams: RoomStreams
  readonly calls: IncomingCalls
  readonly signals: Signals
  readonly media: Media
  readonly deliveries: Dispatcher
  readonly reconciliation: Reconciliation
  readonly hub: Hub
  readonly slices: TimeSlices
  readonly fanOut: FanOut
  readonly overload: OverloadGuard
  readonly timeouts: Timeouts
  /**
   * Migrates the database to this version's schema, or with MIGRATE=off requires it, and starts the background jobs.
   *
   * @throws AbortError when `signal` is aborted before the start has completed
   */
  start(signal?: AbortSignal): Promise<void>
  /** Failures of external dependencies by cause. */
  readonly failures: Failures
  /** Absent if no metrics are configured. */
  readonly metrics: NodeMetrics | undefined
  /** Checks the external dependencies. */
  readiness(): Promise<Readiness>
  /**
   * Stops all started parts in reverse order: the jobs, the streams, the presence of this node, the connections.
   *
   * @throws AggregateError with every failure, after it has tried to stop every part
   */
  dispose(): Promise<void>
}

/** Values known only at run time, and parts that tests replace. */
export interface AppDependencies {
  readonly databaseUrl: string
  /** Signs and verifies tokens if no key is configured. */
  readonly developmentSecret?: string | undefined
  /** Sign pushes if no VAPID keys are configured. */
  readonly developmentVapid?: VapidKeys | undefined
  readonly log: Logger
  /** Exports spans. @default no spans */
  readonly tracing?: Tracing | undefined
  /** Receives facts, in addition to the log and the metrics. */
  readonly observer?: Observer
  readonly clock?: Scheduler
  /** Detects overload of the process. @default never overloaded */
  readonly overload?: OverloadGuard
  /** @default TIMEOUTS */
  readonly timeouts?: Partial<Timeouts>
  /** Collects metrics of the app. */
  readonly metrics?: NodeMetrics | undefined
  /** Certificates of authorities that push services may have. @default those of Node.js */
  readonly pushAuthorities?: string | undefined
  /** Destinations of events, in addition to those of the configuration. */
  readonly destinations?: readonly DestinationKind[]
  /** Called with every SQL statement. */
  readonly onStatement?: (sql: string) => void
}

/**
 * The composition root; does no I/O before `start`. Parts start in the order in which they are wired and stop in reverse.
 * Therefore the bus is wired before every part that announces notices, and presence before the streams that prove it.
 */
export function createApp(configuration: Configuration, dependencies: AppDependencies): App {
  const { config, secrets } = configuration
  const {
    databaseUrl,
    developmentSecret,
    log,
    clock = systemClock,
    overload = neverOverloaded,
    metrics,
    tracing,
    onStatement,
  } = dependencies

  const observers = [
    createLogObserver(log, config.logs),
    dependencies.observer ?? noObserver,
    tracing?.observer ?? noObserver,
    metrics?.observer ?? noObserver,
  ]
  const observer = combineObservers(observers, createObserverErrorLog(log))
  const lifecycle = new Lifecycle()
  const addJob = (name: string, job: PeriodicJob) =>
    lifecycle.add(job, { name, start: () => job.start(), stop: () => job.stop() })

  const newId = createIds(clock)
  const nodeId = newId()
  const failures = new Failures(log)
  const timeouts = { ...TIMEOUTS, ...dependencies.timeouts }
  const keySet = createKeySet(config.auth, { failures, timeouts, log, observer })
  if (keySet) lifecycle.add(keySet, { name: 'key set', start: () => keySet.start(), stop: () => keySet.stop() })
  const verify = createVerifier({ config: config.auth, secrets, keySet, developmentSecret, clock })
  const database = lifecycle.add(
    createDatabase({ url: databaseUrl, log, failures, observer, ...(onStatement && { onStatement }) }),
    {
      name: 'database',
      stop: (connections) => connections.close(),
    },
  )
  lifecycle.add(databaseUrl, {
    name: 'schema',
    async start(url, signal) {
      await (config.migrateAtStart ? migrate(url, log, { signal }) : requireMigrated(url, log))
      await renumberRestored({ databaseUrl: url, statements: database.statements, log })
    },
  })
  const store = createRoomStore(database)
  const events = createEventLog(database.statements)
  const snapshots = lifecycle.add(new RoomSnapshots({ statements: database.statements, log }), {
    name: 'room snapshots',
    stop: (writer) => writer.stop(),
  })
  const slices = new TimeSlices()
  const fanOut = new FanOut(slices, observer)
  const services = configuredProviders(config.media, secrets)
  const media = createMedia({
    ice: { ...config.ice, turnSecret: secrets.turnSecret },
    providers: services.providers,
    defaultProvider: config.media.defaultProvider,
    meshMax: config.media.meshMax,
    tokenTtl: config.media.tokenTtl,
  })
  const bus = new Bus({
    transport: secrets.busUrl
      ? createNatsBus({ url: secrets.busUrl, nodeId, log })
      : createNotifyBus({ databaseUrl, nodeId, log }),
    onNotice(notice) {
      if (notice.kind === 'spending') rates.grantedElsewhere(notice)
      else if (notice.kind === 'log') deliveries.wake()
      else if (notice.kind === 'rewritten') forget(notice.roomId)
      else if (notice.kind === 'connections' || notice.kind === 'connected') admin.connections.notice(notice)
      else for (const kind of liveStreams) kind.notice(notice)
    },
    onGap: () => catchUp.runNow(),
    log,
    observer,
  })
  lifecycle.add(bus, { name: 'bus', start: () => bus.start(), stop: () => bus.close() })
  const announce = (notice: Notice) => bus.announce(notice)
  const watch = (topic: string) => bus.watch(topic)
  const rates = createRates({
    rates: config.rates,
    clock,
    announce: (spending) => announce({ kind: 'spending', ...spending }),
  })
  const executor = createExecutor({
    store,
    writes: createRoomWrites(database.statements),
    clock,
    limits: { ...config.deadlines, meshMax: config.media.meshMax },
    ringingMax: config.quotas.ringingMax,
    observer,
    tracer: tracing?.tracer,
    publish(room, appended) {
      for (const kind of liveStreams) kind.committed(room, appended)
      snapshots.committed(room, appended)
      deliveries.wake()
      announce({ kind: 'log' })
    },
  })
  const leaseStore = createLeaseStore(database.statements)
  const leases = new Leases({ nodeId, store: leaseStore, executor, log })
  const connectedUserStore = createConnectedUserStore(database.statements)
  const connectedUsers = new ConnectedUsers({ nodeId, store: connectedUserStore, log })
  const connections = new Connections()
  const processFigures = new ProcessFigures()
  const figures = (): NodeFigures => ({ ...connections.figures, rooms: hub.size, ...processFigures.take() })
  lifecycle.add(
    new Heartbeat({
      nodeId,
      store: leaseStore,
      executor,
      leases,
      connectedUsers,
      connectedUserStore,
      figures,
      log,
      observer,
    }),
    {
      name: 'heartbeat',
      start: (heartbeat) => heartbeat.start(),
      stop: (heartbeat) => heartbeat.stop(),
    },
  )
  const hub = new Hub({ load: store.load, newerThan: store.newerThan, events, slices, announce, watch, log })
  const calls = new IncomingCalls({
    ringing: store.ringing,
    ringingSeqs: store.ringingSeqs,
    load: store.load,
    connected: (userId) => connectedUsers.add(userId),
    reached: (roomId, userId) => rooms.reached(roomId, userId, 'connected'),
    announce,
    watch,
    rates,
    clock,
    log,
  })
  const signalStore = createSignalStore(database.statements)
  const signals = new Signals({
    store: signalStore,
    load: store.load,
    announce,
    watch,
    rates,
    clock,
    log,
  })
  /** All kinds of live streams. Add new kinds here. */
  const liveStreams: readonly LiveStreams[] = [hub, calls, signals]
  for (const kind of liveStreams) lifecycle.add(kind, { name: 'live streams', stop: () => kind.close() })
  const catchUp = addJob('catch-up', createCatchUp(liveStreams, { log, observer }))
  const audit = createAuditLog({ prisma: database.prisma, clock, newId })
  const reconciliation = createReconciliation({ services, media, database, executor, clock, log, observer })
  if (reconciliation.job) addJob('media reports', reconciliation.job)
  const deliveryStore = createDeliveryStore(database.prisma)
  const webhooks = createWebhooks({
    config: config.webhooks,
    secrets,
    database,
    deliveries: deliveryStore,
    onChange: () => deliveries.refresh(),
    onAdminAction: (actor) => audit.record({ actor, action: 'change_webhooks' }),
    clock,
    log,
    observer,
    newId,
  })
  lifecycle.add(webhooks.sender, { name: 'webhook sender', stop: (sender) => sender.close() })
  addJob('webhook purge', webhooks.purge)
  const push = createPush({
    config: config.push,
    vapid: secrets.vapid ?? dependencies.developmentVapid,
    ca: dependencies.pushAuthorities,
    database,
    load: store.load,
    reached: (roomId, userId) => rooms.reached(roomId, userId, 'pushed'),
    rates,
    clock,
    log,
    observer,
    newId,
  })
  lifecycle.add(push, { name: 'push sender', stop: (part) => part.close() })
  addJob('push purge', push.purge)
  const wukongim =
    config.wukongim &&
    createWukongim({
      config: config.wukongim,
      secrets,
      load: store.load,
      reached: (roomId, userId) => rooms.reached(roomId, userId, 'pushed'),
      clock,
      log,
    })
  const deliveries = lifecycle.add(
    new Dispatcher({
      nodeId,
      kinds: [
        webhooks.kind,
        push.kind,
        ...reconciliation.destinations,
        ...(wukongim ? [wukongim] : []),
        ...(dependencies.destinations ?? []),
      ],
      store: deliveryStore,
      events,
      snapshots,
      watch,
      clock,
      log,
      observer,
    }),
    { name: 'deliveries', start: (part) => part.start(), stop: (part) => part.stop() },
  )
  const rooms = createRoomService({
    onAdminAction: ({ type: action, ...rest }) => audit.record({ action, ...rest }),
    executor,
    store,
    ringChecker: createRingChecker(database.statements),
    clock,
    media,
    rates,
    newId,
    rejectBusy: config.busyPolicy === 'reject',
    refuseOffline: config.offlinePolicy === 'fail',
    isConnectedHere: (userId) => calls.has(userId),
    hasSubscriptions: push.hasSubscriptions,
    quotas: config.quotas,
  })
  const shared = { database, executor, audit, clock, log, observer }
  const admin = createAdministration({ ...shared, nodeId, rooms: store, connections, announce, newId })
  addJob('disconnections', admin.connections.job)
  const blocks = createBlockService({ store: createBlockStore(database.prisma), rates, clock })
  const streams = createRoomStreams({
    executor,
    presence: createPresence({ leases, executor }),
    events,
    snapshots,
    hub,
    rates,
    clock,
    observer,
  })
  addJob('sweeper', createSweeper({ store, executor, clock, log, observer }))
  addJob('absence sweeper', createAbsenceSweeper({ store: leaseStore, executor, clock, log, observer }))
  addJob('signal purge', createSignalPurge({ store: signalStore, clock, log, observer }))
  const retentionStore = createRetentionStore(database.prisma)
  const { retention: days } = config
  if (days !== undefined) {
    addJob('retention', createRetentionPurge({ days, store: retentionStore, clock, log, observer }))
  }

  metrics?.watchApp({
    clock,
    totals: { ...createTotalsReader(database.prisma), nodes: () => leaseStore.liveNodes() },
    state: () => ({
      cachedRooms: executor.cachedRooms,
      subscribedRooms: hub.size,
      fanOutGroups: fanOut.size,
      backlog: fanOut.backlog(),
      pool: database.pool(),
      bus: bus.state(),
      overloaded: overload.overloaded,
      destinations: deliveries.states(),
      now: clock.now(),
      failures: failures.counts(),
    }),
  })

  const forget = (roomId: string): void => {
    hub.forget(roomId)
    streams.forget(roomId)
    catchUp.runNow()
  }
  const people = createPeople({
    ...shared,
    retention: retentionStore,
    connections: admin.connections,
    onRewritten(roomId) {
      forget(roomId)
      announce({ kind: 'rewritten', roomId })
    },
  })
  addJob('erasures', people.job)

  return {
    configuration,
    log,
    observer,
    tracer: tracing?.tracer,
    clock,
    prisma: database.prisma,
    statements: database.statements,
    authenticate: createAuthenticate(verify, observer),
    developmentToken: developmentSecret === undefined ? undefined : signer(config.auth, developmentSecret, clock),
    rates,
    rooms,
    openRoomReader: createRoomReaders({ store, events }),
    blocks,
    admin: admin.service,
    people: people.service,
    holdings: people.holdings,
    webhooks: webhooks.service,
    push: push.service,
    connections,
    streams,
    calls,
    signals,
    media,
    deliveries,
    reconciliation,
    hub,
    slices,
    fanOut,
    overload,
    timeouts,
    start: (signal) => lifecycle.start(signal),
    failures,
    metrics,
    readiness: () => readinessOf({ check: () => database.check(), keySet }),
    async dispose() {
      try {
        await lifecycle.stop()
      } catch (error) {
        log.error({ err: error }, 'some parts of the app could not be stopped')
        throw error
      }
    },
  }
}
