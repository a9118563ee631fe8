import type { FailureCause } from '../core/failures.ts'
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
  for (const [cause, total] of state.failures) metrics.raise('rtc_failures_total', { cause }, total)
}

export function showServerState(metrics: Metrics, state: ServerState): void {
  metrics.set('rtc_http_connections', {}, state.connections)
  metrics.set('rtc_http_requests_in_flight', {}, state.requestsInFlight)
  metrics.set('rtc_event_streams', {}, state.eventStreams)
}
