import type { PrismaClient } from '../db/generated/prisma/client.ts'
import type { RoomEvent } from '../rooms/model.ts'
import { type JsonRow, toEvent } from '../rooms/rows.ts'

/** A stretch of one room's events: those with `after < seq <= upTo`, at most `limit` of them. */
export interface Stretch {
  readonly roomId: string
  readonly after: number
  readonly upTo: number
  readonly limit: number
}

/** The events of rooms, in the order of each room. */
export interface EventLog {
  /** One statement for any number of stretches; the answers stand in the order of the questions. */
  read(stretches: readonly Stretch[]): Promise<readonly (readonly RoomEvent[])[]>
}

export function createEventLog(prisma: PrismaClient): EventLog {
  return {
    async read(stretches) {
      const rows = await prisma.$queryRaw<{ nth: number; event: JsonRow }[]>`
        SELECT stretch.nth, to_jsonb(event) AS event
          FROM jsonb_to_recordset(${JSON.stringify(stretches.map((stretch, nth) => ({ ...stretch, nth })))}::jsonb)
               AS stretch(nth int, "roomId" uuid, "after" int, "upTo" int, "limit" int)
         CROSS JOIN LATERAL (
           SELECT * FROM "RoomEvent"
            WHERE "roomId" = stretch."roomId" AND "seq" > stretch."after" AND "seq" <= stretch."upTo"
            ORDER BY "seq" LIMIT stretch."limit"
         ) event
         ORDER BY stretch.nth, event."seq"`
      const answers: RoomEvent[][] = stretches.map(() => [])
      for (const row of rows) answers[row.nth]?.push(toEvent(row.event))
      return answers
    },
  }
}

/** No room has that many events: the end of a stretch that has none. */
export const NEWEST = 2_147_483_647
const PAGE = 500

/** Every event behind `after` up to `upTo`, page by page. */
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
