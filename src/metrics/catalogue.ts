/** A metric and its labels. The values of every label are a closed set: nothing that a client chooses becomes one. */
interface Definition {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly labels: readonly string[]
  /** Upper bounds of a histogram's buckets. */
  readonly buckets?: readonly number[]
}

const counter = <const Label extends string = never>(help: string, ...labels: Label[]) =>
  ({ type: 'counter', help, labels }) as const
const gauge = <const Label extends string = never>(help: string, ...labels: Label[]) =>
  ({ type: 'gauge', help, labels }) as const
const histogram = <const Label extends string = never>(help: string, buckets: readonly number[], ...labels: Label[]) =>
  ({ type: 'histogram', help, buckets, labels }) as const

/** Seconds: of requests and statements, of jobs, and of calls between people. */
const FAST = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
const SLOW = [0.01, 0.05, 0.25, 1, 2.5, 5, 10, 30, 60]
const ANSWER = [1, 2, 5, 10, 15, 20, 30, 45, 60, 120]
const CALL = [5, 15, 60, 180, 600, 1800, 3600, 10_800, 43_200]
const COUNTS = [1, 2, 4, 8, 16, 32, 64]

/**
 * All metrics of the gateway. Names follow https://prometheus.io/docs/practices/naming/; `docs/operations/metrics.md` has
 * a row for each, which a test compares.
 */
export const CATALOGUE = {
  rtc_build_info: gauge('Version of the gateway and of Node.js; always 1.', 'version', 'node_version'),

  rtc_rooms: gauge('Live rooms in the database, by status.', 'status'),
  rtc_participants: gauge('Participants in live rooms: connected, or within the grace after a lost stream.', 'state'),
  rtc_ringing: gauge('Invitations that are ringing.'),
  rtc_nodes: gauge('Gateway nodes with a current heartbeat.'),
  rtc_overdue_seconds: gauge('Age of the oldest deadline of a room that no node has applied yet; 0 if there is none.'),

  rtc_room_events_total: counter('Events of rooms that this node has committed, by type.', 'type'),
  rtc_rooms_ended_total: counter('Rooms that this node has ended, by type and reason.', 'type', 'reason'),
  rtc_rings_total: counter(
    'Calls between two that rang and that this node has ended, by how far the ring got.',
    'reach',
  ),
  rtc_room_active_seconds: histogram('How long rooms were active that this node has ended.', CALL, 'type'),
  rtc_time_to_answer_seconds: histogram('Time from the creation of a p2p room to its start.', ANSWER),

  rtc_commands_total: counter(
    'Commands on rooms, by outcome: ok, replayed or the code of an error.',
    'command',
    'outcome',
  ),
  rtc_command_duration_seconds: histogram(
    'Duration of commands, with the time in the queue of the room.',
    FAST,
    'command',
  ),
  rtc_commits_total: counter(
    'Commits of rooms: landed, conflict, or failed with an unknown result.',
    'kind',
    'outcome',
  ),
  rtc_commit_duration_seconds: histogram('Duration of the statements that write commits.', FAST, 'kind'),
  rtc_commit_statement_commits: histogram('Commits that share a statement.', COUNTS),
  rtc_commit_batch_commands: histogram('Commands that are written by one commit.', COUNTS),
  rtc_cached_rooms: gauge('Rooms in the cache of this node.'),

  rtc_sockets: gauge('Open WebSockets: opening until the user is authenticated, then ready.', 'state'),
  rtc_socket_closes_total: counter(
    'Closed WebSockets, by close code; other for codes that neither RFC 6455 nor graphql-ws names.',
    'code',
  ),
  rtc_event_streams: gauge('Open streams of server-sent events.'),
  rtc_subscriptions: gauge('Open live streams, by field and transport.', 'field', 'transport'),
  rtc_subscriptions_ended_total: counter('Live streams that have ended: ok, or the code of an error.', 'field', 'code'),
  rtc_resumes_total: counter('Streams of rooms that were opened with a cursor.'),
  rtc_resumed_events: histogram('Events after the cursor of a resumed stream.', [0, 1, 4, 16, 64, 256, 1024]),
  rtc_deliveries_total: counter('Messages of live streams that were handed to connections.', 'kind'),
  rtc_delivered_bytes_total: counter('Bytes of these messages.', 'kind'),
  rtc_delivery_duration_seconds: histogram(
    'Time from the arrival of an update to its last subscriber in the group.',
    FAST,
  ),
  rtc_slow_consumers_total: counter('Subscribers disconnected because their queue was full.', 'transport'),
  rtc_subscribed_rooms: gauge('Rooms with subscribers at this node.'),
  rtc_fan_out_groups: gauge('Groups of subscribers with the same room and view.'),
  rtc_fan_out_backlog_updates: gauge('Updates whose message has not been delivered to all of their group.'),
  rtc_fan_out_backlog_seconds: gauge('Age of the oldest of these updates; 0 if there is none.'),

  rtc_bus_connected: gauge('Whether the connection that carries notices between nodes is open.'),
  rtc_bus_connects_total: counter('Connections that were opened for notices; each but the first follows a gap.'),
  rtc_bus_gap_seconds_total: counter('Time without a connection for notices.'),
  rtc_bus_notices_total: counter('Notices between nodes, by direction.', 'direction'),
  rtc_bus_pending_notices: gauge('Notices that wait to be sent.'),
  rtc_bus_lag_seconds: histogram('Time until a notice that this node has sent came back from the bus.', FAST),

  rtc_job_runs_total: counter('Runs of background jobs: ok or failed.', 'name', 'outcome'),
  rtc_job_duration_seconds: histogram('Duration of the runs.', SLOW, 'name'),
  rtc_job_lag_seconds: histogram('How much later than planned the runs began.', SLOW, 'name'),
  rtc_deadline_lag_seconds: histogram(
    'Age of the earliest deadline when a node claimed the rooms that were due.',
    SLOW,
  ),

  rtc_database_statement_duration_seconds: histogram(
    'Duration of SQL statements, with the wait for a connection, by kind.',
    FAST,
    'kind',
  ),
  rtc_database_connections: gauge('Connections of the pool, by state.', 'state'),
  rtc_database_connections_max: gauge('Connections that the pool may have.'),
  rtc_database_waiting: gauge('Statements that wait for a connection.'),
  rtc_failures_total: counter('Failures of the database and of the key set, by cause.', 'cause'),

  rtc_http_connections: gauge('Open TCP connections, with those of WebSockets.'),
  rtc_http_requests_in_flight: gauge('Requests in work.'),
  rtc_http_requests_total: counter(
    'HTTP requests, by the pattern of the path; none if there is no such path.',
    'route',
    'method',
    'code',
  ),
  rtc_http_request_duration_seconds: histogram('Duration of HTTP requests, to the end of the response.', FAST, 'route'),
  rtc_overloaded: gauge('Whether new requests are refused because the event loop is late.'),

  rtc_graphql_operations_total: counter(
    'GraphQL operations, by kind and first error code; invalid documents have the kind invalid.',
    'kind',
    'code',
  ),
  rtc_graphql_operation_duration_seconds: histogram(
    'Duration of GraphQL operations; of a subscription, until it is open.',
    FAST,
    'kind',
  ),
  rtc_token_refusals_total: counter('Tokens that were refused, by reason.', 'reason'),

  rtc_media_reports_total: counter(
    'Reports of media services by webhook, by outcome: what was reported, or why it was not used.',
    'service',
    'outcome',
  ),
  rtc_media_control_calls_total: counter(
    'Calls of the room control of media services: ok, failed, or refused for good.',
    'service',
    'action',
    'outcome',
  ),

  rtc_destinations: gauge('Destinations to which this node delivers.', 'kind'),
  rtc_destination_attempts_total: counter(
    'Attempts to deliver events to destinations outside of the gateway, by outcome.',
    'kind',
    'outcome',
  ),
  rtc_destination_attempt_duration_seconds: histogram('Duration of these attempts.', SLOW, 'kind'),
  rtc_destination_backlog_rooms: gauge('Rooms with undelivered events, of the destinations of this node.', 'kind'),
  rtc_destination_lag_seconds: gauge(
    'Age of the oldest undelivered event of the destinations of this node; 0 if there is none.',
    'kind',
  ),
  rtc_pushes_total: counter(
    'Pushes: accepted, refused, to be repeated, or to a subscription that is gone.',
    'target',
    'type',
    'outcome',
  ),

  rtc_pull_failures_total: counter('Values that could not be read in time for a scrape, by source.', 'source'),
} as const satisfies Record<`rtc_${string}`, Definition>

export type MetricName = keyof typeof CATALOGUE
type NameOf<Type extends Definition['type']> = {
  [Name in MetricName]: (typeof CATALOGUE)[Name]['type'] extends Type ? Name : never
}[MetricName]
export type CounterName = NameOf<'counter'>
export type GaugeName = NameOf<'gauge'>
export type HistogramName = NameOf<'histogram'>

export type LabelsOf<Name extends MetricName> = Readonly<
  Record<(typeof CATALOGUE)[Name]['labels'][number], string | number>
>
