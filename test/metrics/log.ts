import type { Samples } from './scrape.ts'

/** Runs a statement on the database of the gateway. */
export type Query = (sql: string, values?: unknown[]) => Promise<{ rows: Record<string, unknown>[] }>

/** What the log says, by series of the metrics that count it. */
export type Totals = ReadonlyMap<string, number>

/**
 * Each statement returns `series` and `value`. `$1` and `$2` are pairs of times: only what happened within one of these
 * windows is counted.
 */
const WITHIN = (at: string) => `EXISTS (SELECT FROM unnest($1::timestamptz[], $2::timestamptz[]) AS span(since, until)
  WHERE ${at} BETWEEN since AND until)`
const STATEMENTS = [
  `SELECT 'rtc_room_events_total{type="' || "type" || '"}' AS series, count(*)::float8 AS value
     FROM "RoomEvent" WHERE ${WITHIN('"at"')} GROUP BY "type"`,
  `SELECT 'rtc_rooms_ended_total{type="' || "type" || '",reason="' || "endReason" || '"}' AS series, count(*)::float8 AS value
     FROM "Room" WHERE "status" = 'ended' AND ${WITHIN('"endedAt"')} GROUP BY "type", "endReason"`,
  `SELECT 'rtc_rings_total{reach="' || "reach" || '"}' AS series, count(*)::float8 AS value
     FROM "Room" WHERE "status" = 'ended' AND "reach" IS NOT NULL AND ${WITHIN('"endedAt"')} GROUP BY "reach"`,
  `SELECT series, value FROM (
     SELECT count(*)::float8 AS calls, coalesce(sum(extract(epoch FROM "startedAt" - "createdAt")), 0)::float8 AS seconds
       FROM "Room" WHERE "type" = 'p2p' AND "startedAt" IS NOT NULL AND ${WITHIN('"startedAt"')}) answered,
     LATERAL (VALUES ('rtc_time_to_answer_seconds_count', calls), ('rtc_time_to_answer_seconds_sum', seconds)) AS pair(series, value)`,
  `SELECT name || '{type="' || "type" || '"}' AS series, value FROM (
     SELECT "type", count(*)::float8 AS calls, sum(extract(epoch FROM "activeUntil" - "startedAt"))::float8 AS seconds
       FROM "Room" WHERE "status" = 'ended' AND "startedAt" IS NOT NULL AND ${WITHIN('"endedAt"')} GROUP BY "type") ended,
     LATERAL (VALUES ('rtc_room_active_seconds_count', calls), ('rtc_room_active_seconds_sum', seconds)) AS pair(name, value)`,
  `SELECT series, count(*)::float8 AS value
     FROM "Room", LATERAL (VALUES ('rtc_commits_total{kind="insert",outcome="landed"}'),
                                  ('rtc_commands_total{command="create",outcome="ok"}')) AS pair(series)
    WHERE ${WITHIN('"createdAt"')} GROUP BY series`,
]

export interface Window {
  readonly since: Date
  readonly until: Date
}

const ALWAYS: readonly Window[] = [{ since: new Date(0), until: new Date('9999-01-01') }]

/** Reads from the log what the metrics should be, or the part of it that happened within the windows. */
export async function totalsOfLog(query: Query, windows: readonly Window[] = ALWAYS): Promise<Totals> {
  const spans = [windows.map(({ since }) => since), windows.map(({ until }) => until)]
  const totals = new Map<string, number>()
  for (const statement of STATEMENTS) {
    const { rows } = await query(statement, spans)
    for (const { series, value } of rows) totals.set(String(series), Number(value))
  }
  return totals
}

/** The metrics that count what the log says, added up over scrapes of nodes. */
export function totalsOfMetrics(scrapes: readonly Samples[]): Totals {
  const counted =
    /^rtc_(room_events_total|rooms_ended_total|rings_total|(time_to_answer|room_active)_seconds_(count|sum))|^rtc_commits_total\{kind="insert",outcome="landed"|^rtc_commands_total\{command="create",outcome="ok"/
  const totals = new Map<string, number>()
  for (const samples of scrapes) {
    for (const series of samples.series.filter((name) => counted.test(name))) {
      totals.set(series, (totals.get(series) ?? 0) + (samples.value(series) ?? 0))
    }
  }
  return totals
}

export interface Difference {
  readonly series: string
  readonly log: number
  readonly metrics: number
}

/**
 * Where metrics and log disagree.
 *
 * @param lost - what metrics may lack at most: it happened in nodes that were killed before their last scrape, or was
 *   written by a statement whose result is unknown
 */
export function differences(log: Totals, metrics: Totals, lost: Totals = new Map()): readonly Difference[] {
  const all = [...new Set([...log.keys(), ...metrics.keys()])]
  return all
    .map((series) => ({ series, log: log.get(series) ?? 0, metrics: metrics.get(series) ?? 0 }))
    .filter(({ series, log: expected, metrics: counted }) => {
      // Sums of seconds are sums of milliseconds in binary fractions.
      const tolerance = series.includes('seconds_sum') ? 1e-6 * (1 + expected) : 0
      const missing = expected - counted
      return missing < -tolerance || missing > (lost.get(series) ?? 0) + tolerance
    })
}
