import { type DeliveryFact, type Observer, TOKEN_REFUSALS, type Transport } from '../core/observer.ts'
import { FAILURES } from '../core/failures.ts'
import { END_REASONS, REACHES, ROOM_EVENT_TYPES, ROOM_TYPES } from '../rooms/model.ts'
import type { Metrics } from './registry.ts'

/** The methods that the gateway serves; others are counted together. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'])
/** Close codes that RFC 6455, graphql-ws and the gateway define. A client may send any from 1000 to 4999. */
const CLOSE_CODES: ReadonlySet<number> = new Set([
  1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 1015, 4004, 4005, 4400, 4401,
  4403, 4406, 4408, 4409, 4429, 4500,
])
const DELIVERIES: readonly DeliveryFact['kind'][] = ['live', 'backfill', 'single']
const STREAMING: readonly Transport[] = ['websocket', 'sse', 'rest']

/** Counts facts. Labels take only values that the facts document as bounded. */
export interface Recorder {
  readonly observer: Observer
  /** Adds what was counted outside of the registry, before a scrape. */
  flush(): void
}

export function createRecorder(metrics: Metrics): Recorder {
  startAtZero(metrics)
  // A busy node hands over tens of thousands of messages a second, so they are counted by plain numbers until a scrape.
  const delivered = { live: noDeliveries(), backfill: noDeliveries(), single: noDeliveries() }

  const observer: Observer = {
    request({ route = 'none', method, status, duration }) {
      metrics.count('rtc_http_requests_total', {
        route,
        method: METHODS.has(method) ? method : 'other',
        code: status === 0 ? 'aborted' : status,
      })
      metrics.observe('rtc_http_request_duration_seconds', { route }, duration / 1000)
    },
    socketOpened: () => metrics.add('rtc_sockets', { state: 'opening' }, 1),
    socketReady() {
      metrics.add('rtc_sockets', { state: 'opening' }, -1)
      metrics.add('rtc_sockets', { state: 'ready' }, 1)
    },
    socketClosed({ code, userId }) {
      metrics.add('rtc_sockets', { state: userId === undefined ? 'opening' : 'ready' }, -1)
      metrics.count('rtc_socket_closes_total', { code: CLOSE_CODES.has(code) ? code : 'other' })
    },
    tokenRefused: ({ reason }) => metrics.count('rtc_token_refusals_total', { reason }),
    operation({ kind = 'invalid', errorCodes: [code = 'ok'], duration }) {
      metrics.count('rtc_graphql_operations_total', { kind, code })
      metrics.observe('rtc_graphql_operation_duration_seconds', { kind }, duration / 1000)
    },
    subscriptionOpened({ field = 'none', transport }) {
      metrics.add('rtc_subscriptions', { field, transport }, 1)
    },
    subscriptionClosed({ field = 'none', transport, errorCode = 'ok' }) {
      metrics.add('rtc_subscriptions', { field, transport }, -1)
      metrics.count('rtc_subscriptions_ended_total', { field, code: errorCode })
    },
    streamResumed({ missed }) {
      metrics.count('rtc_resumes_total', {})
      metrics.observe('rtc_resumed_events', {}, missed)
    },
    command({ type, outcome, duration }) {
      metrics.count('rtc_commands_total', { command: type, outcome })
      metrics.observe('rtc_command_duration_seconds', { command: type }, duration / 1000)
    },
    commit({ kind, commits, landed, duration }) {
      if (landed === undefined) metrics.count('rtc_commits_total', { kind, outcome: 'failed' }, commits)
      else {
        metrics.count('rtc_commits_total', { kind, outcome: 'landed' }, landed)
        metrics.count('rtc_commits_total', { kind, outcome: 'conflict' }, commits - landed)
      }
      metrics.observe('rtc_commit_statement_commits', {}, commits)
      metrics.observe('rtc_commit_duration_seconds', { kind }, duration / 1000)
    },
    roomEvents({ events, commands }) {
      for (const { type } of events) metrics.count('rtc_room_events_total', { type })
      metrics.observe('rtc_commit_batch_commands', {}, commands)
    },
    roomEnded({ type, endReason, reach, duration }) {
      if (reach !== null) metrics.count('rtc_rings_total', { reach })
      metrics.count('rtc_rooms_ended_total', { type, reason: endReason })
      if (duration !== undefined) metrics.observe('rtc_room_active_seconds', { type }, duration / 1000)
    },
    callAnswered: ({ duration }) => metrics.observe('rtc_time_to_answer_seconds', {}, duration / 1000),
    delivery({ kind, subscribers, bytes, duration }) {
      delivered[kind].messages += subscribers
      delivered[kind].bytes += subscribers * bytes
      if (duration !== undefined) metrics.observe('rtc_delivery_duration_seconds', {}, duration / 1000)
    },
    slowConsumer: ({ transport }) => metrics.count('rtc_slow_consumers_total', { transport }),
    job({ name, failed, duration, lag }) {
      metrics.count('rtc_job_runs_total', { name, outcome: failed ? 'failed' : 'ok' })
      metrics.observe('rtc_job_duration_seconds', { name }, duration / 1000)
      metrics.observe('rtc_job_lag_seconds', { name }, lag / 1000)
    },
    deadlinesClaimed: ({ lag }) => metrics.observe('rtc_deadline_lag_seconds', {}, lag / 1000),
    statement: ({ kind, duration }) =>
      metrics.observe('rtc_database_statement_duration_seconds', { kind }, duration / 1000),
    mediaEvent: ({ service, outcome }) => metrics.count('rtc_media_reports_total', { service, outcome }),
    mediaControl: ({ service, action, outcome }) =>
      metrics.count('rtc_media_control_calls_total', { service, action, outcome }),
    destination({ kind, outcome, duration }) {
      metrics.count('rtc_destination_attempts_total', { kind, outcome })
      // No attempt was made for a room that was purged.
      if (outcome !== 'purged') metrics.observe('rtc_destination_attempt_duration_seconds', { kind }, duration / 1000)
    },
    push: (fact) => metrics.count('rtc_pushes_total', { ...fact }),
    noticesSent: ({ notices }) => metrics.count('rtc_bus_notices_total', { direction: 'sent' }, notices),
    noticesReceived: ({ notices }) => metrics.count('rtc_bus_notices_total', { direction: 'received' }, notices),
    noticesReturned: ({ lag }) => metrics.observe('rtc_bus_lag_seconds', {}, lag / 1000),
    busConnected({ gap = 0 }) {
      metrics.count('rtc_bus_connects_total', {})
      metrics.count('rtc_bus_gap_seconds_total', {}, gap / 1000)
    },
  }

  return {
    observer,
    flush() {
      for (const kind of DELIVERIES) {
        metrics.count('rtc_deliveries_total', { kind }, delivered[kind].messages)
        metrics.count('rtc_delivered_bytes_total', { kind }, delivered[kind].bytes)
        delivered[kind] = noDeliveries()
      }
    },
  }
}

const noDeliveries = () => ({ messages: 0, bytes: 0 })

/** Creates the series of closed sets: `rate` and alerts miss the first event of a series that appears with it. */
function startAtZero(metrics: Metrics): void {
  for (const type of ROOM_EVENT_TYPES) metrics.count('rtc_room_events_total', { type }, 0)
  for (const type of ROOM_TYPES) {
    for (const reason of END_REASONS) metrics.count('rtc_rooms_ended_total', { type, reason }, 0)
  }
  for (const reach of REACHES) metrics.count('rtc_rings_total', { reach }, 0)
  for (const kind of ['insert', 'update']) {
    for (const outcome of ['landed', 'conflict', 'failed']) metrics.count('rtc_commits_total', { kind, outcome }, 0)
  }
  for (const kind of ['query', 'mutation', 'subscription', 'invalid']) {
    metrics.count('rtc_graphql_operations_total', { kind, code: 'ok' }, 0)
  }
  for (const state of ['opening', 'ready']) metrics.add('rtc_sockets', { state }, 0)
  for (const transport of STREAMING) {
    metrics.count('rtc_slow_consumers_total', { transport }, 0)
  }
  for (const direction of ['sent', 'received']) metrics.count('rtc_bus_notices_total', { direction }, 0)
  for (const reason of TOKEN_REFUSALS) metrics.count('rtc_token_refusals_total', { reason }, 0)
  for (const cause of Object.keys(FAILURES)) metrics.count('rtc_failures_total', { cause }, 0)
}
