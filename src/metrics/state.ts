import type { FailureCause } from '../core/failures.ts'
import { DESTINATION_OUTCOMES } from '../core/observer.ts'
import type { PoolState } from '../db/client.ts'
import type { Metrics } from './registry.ts'

/** What the app of this node holds at a moment. */
export interface AppState {
  readonly cachedRooms: number
  readonly subscribedRooms: number
  readonly fanOutGroups: number
  /** Updates whose message has not been delivered to all of their group, and milliseconds since the oldest arrived. */
  readonly backlog: { readonly updates: number; readonly age: number }
  readonly pool: PoolState
  readonly bus: { readonly connected: boolean; readonly pending: number }
  readonly overloaded: boolean
  /** The destinations to which the node delivers. */
  readonly destinations: readonly {
    readonly kind: string
    /** Rooms with undelivered events. */
    readonly rooms: number
    readonly oldest: Date | null
  }[]
  readonly now: Date
  /** Failures by cause since the start. */
  readonly failures: ReadonlyMap<FailureCause, number>
}

/** What the server of this node holds at a moment. */
export interface ServerState {
  /** TCP connections, including those of WebSockets. */
  readonly connections: number
  readonly requestsInFlight: number
  readonly eventStreams: number
}

export function showAppState(metrics: Metrics, state: AppState): void {
  const { backlog, pool, bus } = state
  metrics.set('rtc_cached_rooms', {}, state.cachedRooms)
  metrics.set('rtc_subscribed_rooms', {}, state.subscribedRooms)
  metrics.set('rtc_fan_out_groups', {}, state.fanOutGroups)
  metrics.set('rtc_fan_out_backlog_updates', {}, backlog.updates)
  metrics.set('rtc_fan_out_backlog_seconds', {}, backlog.age / 1000)
  metrics.set('rtc_database_connections', { state: 'idle' }, pool.idle)
  metrics.set('rtc_database_connections', { state: 'busy' }, pool.busy)
  metrics.set('rtc_database_connections_max', {}, pool.max)
  metrics.set('rtc_database_waiting', {}, pool.waiting)
  metrics.set('rtc_bus_connected', {}, Number(bus.connected))
  metrics.set('rtc_bus_pending_notices', {}, bus.pending)
  metrics.set('rtc_overloaded', {}, Number(state.overloaded))
  showDestinations(metrics, state)
  for (const [cause, total] of state.failures) metrics.raise('rtc_failures_total', { cause }, total)
}

function showDestinations(metrics: Metrics, { destinations, now }: Pick<AppState, 'destinations' | 'now'>): void {
  for (const gauge of ['rtc_destinations', 'rtc_destination_backlog_rooms', 'rtc_destination_lag_seconds'] as const) {
    metrics.clear(gauge)
  }
  const kinds = new Map<string, { count: number; rooms: number; lag: number }>()
  for (const { kind, rooms, oldest } of destinations) {
    const sum = kinds.get(kind) ?? { count: 0, rooms: 0, lag: 0 }
    const lag = oldest ? now.getTime() - oldest.getTime() : 0
    kinds.set(kind, { count: sum.count + 1, rooms: sum.rooms + rooms, lag: Math.max(sum.lag, lag) })
  }
  for (const [kind, { count, rooms, lag }] of kinds) {
    metrics.set('rtc_destinations', { kind }, count)
    metrics.set('rtc_destination_backlog_rooms', { kind }, rooms)
    metrics.set('rtc_destination_lag_seconds', { kind }, lag / 1000)
    for (const outcome of DESTINATION_OUTCOMES) metrics.count('rtc_destination_attempts_total', { kind, outcome }, 0)
  }
}

export function showServerState(metrics: Metrics, state: ServerState): void {
  metrics.set('rtc_http_connections', {}, state.connections)
  metrics.set('rtc_http_requests_in_flight', {}, state.requestsInFlight)
  metrics.set('rtc_event_streams', {}, state.eventStreams)
}
