import type { PrismaClient } from '../db/generated/prisma/client.ts'

/** Numbers of all live rooms in the database, whichever node serves them. */
export interface RoomTotals {
  readonly waiting: number
  readonly active: number
}

export interface PeopleTotals {
  /** Joined, with a stream. */
  readonly connected: number
  /** Joined, within the grace after a lost stream. */
  readonly reconnecting: number
  /** Invitations that ring. */
  readonly ringing: number
}

export interface TotalsReader {
  rooms(): Promise<RoomTotals>
  people(now: Date): Promise<PeopleTotals>
  /** Seconds since the earliest deadline; 0 if it has not passed. */
  overdue(now: Date): Promise<number>
}

/** Milliseconds after which the database gives up a total: it must not cost more than it is worth. */
const TIMEOUT = 1_000

/** Reads totals for metrics. Each is one statement on an index of live rooms, and ends after a second at the latest. */
export function createTotalsReader(prisma: PrismaClient): TotalsReader {
  /** Runs a statement with the timeout, which ends with its transaction. */
  const bounded = async <Row>(query: (client: PrismaClient) => ReturnType<PrismaClient['$queryRaw']>): Promise<Row> => {
    const [, rows] = await prisma.$transaction([
      prisma.$executeRawUnsafe(`/* metrics */ SET LOCAL statement_timeout = ${TIMEOUT}`),
      query(prisma),
    ])
    const [row] = rows as readonly Row[]
    if (row === undefined) throw new TypeError('a total has no row')
    return row
  }

  return {
    rooms: () =>
      bounded<RoomTotals>(
        (client) => client.$queryRaw`
        /* metrics */
        SELECT count(*) FILTER (WHERE "status" = 'waiting')::int AS waiting,
               count(*) FILTER (WHERE "status" = 'active')::int AS active
          FROM "Room" WHERE "status" IN ('waiting', 'active')`,
      ),

    // The subquery per live room keeps the planner from reading the participants of all ended rooms.
    people: (now) =>
      bounded<PeopleTotals>(
        (client) => client.$queryRaw`
        /* metrics */
        SELECT coalesce(sum(connected), 0)::int AS connected, coalesce(sum(reconnecting), 0)::int AS reconnecting,
               coalesce(sum(ringing), 0)::int AS ringing
          FROM "Room" room, LATERAL (
                 SELECT count(*) FILTER (WHERE "state" = 'joined' AND "connected") AS connected,
                        count(*) FILTER (WHERE "state" = 'joined' AND NOT "connected") AS reconnecting,
                        count(*) FILTER (WHERE "state" = 'invited' AND "role" <> 'caller' AND "ringsUntil" > ${now}
                                           AND "silent" IS NOT TRUE) AS ringing
                   FROM "Participant" WHERE "roomId" = room."id") people
         WHERE room."status" IN ('waiting', 'active')`,
      ),

    async overdue(now) {
      const { first } = await bounded<{ first: Date | null }>(
        (client) => client.$queryRaw`/* metrics */ SELECT min("deadlineAt") AS first FROM "Room"`,
      )
      return first === null ? 0 : Math.max(0, (now.getTime() - first.getTime()) / 1000)
    },
  }
}
