import { statement, type Statements } from '../db/statement.ts'
import { EVENTS } from './columns.ts'
import type { RoomEvent } from './model.ts'
import { type JsonRow, toEvent } from './rows.ts'

/** A range of one room's events: the first `limit` events with `after < seq <= upTo`. */
export interface EventRange {
  readonly roomId: string
  readonly after: number
  readonly upTo: number
  readonly limit: number
}

/** Reads the logs of rooms. */
export interface EventLog {
  /** Reads any number of ranges with one statement; the results have the order of `ranges`. */
  read(ranges: readonly EventRange[]): Promise<readonly (readonly RoomEvent[])[]>
}

/** Parameter: $1, the ranges as a JSON array. */
const READ = statement(`
SELECT range.nth, row_to_json(event) AS event
  FROM json_to_recordset($1::json) AS range(nth integer, "roomId" uuid, "after" integer, "upTo" integer, "limit" integer)
 CROSS JOIN LATERAL (
   SELECT ${EVENTS.columnList} FROM "RoomEvent"
    WHERE "roomId" = range."roomId" AND "seq" > range."after" AND "seq" <= range."upTo"
    ORDER BY "seq" LIMIT range."limit"
 ) event
 ORDER BY range.nth, event."seq"`)

export function createEventLog(statements: Statements): EventLog {
  return {
    async read(ranges) {
      const given = JSON.stringify(ranges.map((range, nth) => ({ ...range, nth })))
      const rows = await statements.run<{ nth: number; event: JsonRow }>(READ, [given])
      const results: RoomEvent[][] = ranges.map(() => [])
      for (const row of rows) results[row.nth]?.push(toEvent(row.event))
      return results
    },
  }
}

/** Upper end of an unbounded range: the largest value of the column `seq`. */
export const NEWEST = 2_147_483_647
const PAGE = 500

/** Every event with `after < seq <= upTo`, read page by page. */
export async function* readAll(
  log: EventLog,
  roomId: string,
  { after, upTo = NEWEST }: { after: number; upTo?: number },
): AsyncGenerator<RoomEvent> {
  for (let cursor = after; cursor < upTo;) {
    const [events = []] = await log.read([{ roomId, after: cursor, upTo, limit: PAGE }])
    yield* events
    const last = events.at(-1)
    if (!last || events.length < PAGE) return
    cursor = last.seq
  }
}
