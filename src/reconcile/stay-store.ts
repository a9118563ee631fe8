import type { MediaUser } from '../media/control/control.ts'
import type { MediaEvent } from '../media/hooks/hook.ts'
import type { PrismaClient } from '../db/generated/prisma/client.ts'

/** What a service has reported last of a user in a room. */
export interface MediaStay extends MediaUser {
  /** Orders the reports; see {@link MediaEvent}. */
  readonly position: number
  readonly present: boolean
  /** The connection was lost, as opposed to left. */
  readonly lost: boolean
  readonly at: Date
}

/** The last reports of media services, and the bans that the gateway has imposed there. */
export interface StayStore {
  /**
   * Records a report that is newer than the known one. It is due at once.
   *
   * @returns whether it was recorded
   */
  record(event: MediaEvent, now: Date): Promise<boolean>
  find(place: MediaUser): Promise<MediaStay | null>
  /** Who is present in a room, as far as it was reported. */
  presentIn(roomId: string): Promise<readonly (MediaStay & { readonly stay: string | null })[]>
  /** Claims reports that nobody has acted on: no other node gets them until `until`, when they are due again. */
  claimDue(now: Date, until: Date, limit: number): Promise<readonly MediaStay[]>
  /** The report has been acted on, unless there is a newer one, which remains due. */
  settle(stay: MediaStay): Promise<void>
  /** A user who is still present is to be looked at again. */
  lookAgain(place: MediaUser, at: Date): Promise<void>
  /** Deletes what is known of an ended room. */
  forget(roomId: string): Promise<void>
  addBan(place: MediaUser, ban: string): Promise<void>
  bansOf(roomId: string): Promise<readonly (MediaUser & { readonly ban: string })[]>
  removeBan(place: MediaUser, ban: string): Promise<void>
}

/** Milliseconds after which a later report counts even if its position is lower, as after a restart of a client. */
const POSITION_VALID = 60_000

export function createStayStore(prisma: PrismaClient): StayStore {
  return {
    async record({ roomId, mediaId, position, stay, kind, at }, now) {
      const rows = await prisma.$queryRaw<unknown[]>`
        INSERT INTO "MediaStay" AS known ("roomId", "mediaId", "position", "stay", "present", "lost", "at", "dueAt")
        VALUES (${roomId}::uuid, ${mediaId}, ${position}, ${stay}, ${kind === 'joined'}, ${kind === 'lost'}, ${at}, ${now})
        ON CONFLICT ("roomId", "mediaId") DO UPDATE
           SET "position" = excluded."position", "stay" = excluded."stay", "present" = excluded."present",
               "lost" = excluded."lost", "at" = excluded."at", "dueAt" = excluded."dueAt"
         WHERE known."position" < excluded."position"
            OR known."position" = excluded."position" AND known."stay" IS NOT DISTINCT FROM excluded."stay"
               AND known."present" AND NOT excluded."present"
            OR known."position" = excluded."position" AND known."stay" <> excluded."stay" AND excluded."present"
            OR excluded."stay" IS NULL AND excluded."at" > known."at" + make_interval(secs => ${POSITION_VALID / 1000})
        RETURNING true`
      return rows.length > 0
    },

    async find({ roomId, mediaId }) {
      const [row] = await prisma.$queryRaw<MediaStay[]>`
        SELECT "roomId"::text, "mediaId", "position", "present", "lost", "at" FROM "MediaStay"
         WHERE "roomId" = ${roomId}::uuid AND "mediaId" = ${mediaId}`
      return row ?? null
    },

    presentIn: (roomId) => prisma.$queryRaw<(MediaStay & { stay: string | null })[]>`
      SELECT "roomId"::text, "mediaId", "position", "stay", "present", "lost", "at" FROM "MediaStay"
       WHERE "roomId" = ${roomId}::uuid AND "present"`,

    claimDue: (now, until, limit) => prisma.$queryRaw<MediaStay[]>`
      /* sweep */
      UPDATE "MediaStay" stay SET "dueAt" = ${until}
        FROM (SELECT "roomId", "mediaId" FROM "MediaStay" WHERE "dueAt" <= ${now}
               ORDER BY "dueAt" LIMIT ${limit} FOR UPDATE SKIP LOCKED) due
       WHERE stay."roomId" = due."roomId" AND stay."mediaId" = due."mediaId"
      RETURNING stay."roomId"::text, stay."mediaId", stay."position", stay."present", stay."lost", stay."at"`,

    async settle({ roomId, mediaId, position, present }) {
      await prisma.$executeRaw`
        UPDATE "MediaStay" SET "dueAt" = NULL
         WHERE "roomId" = ${roomId}::uuid AND "mediaId" = ${mediaId} AND "position" = ${position} AND "present" = ${present}`
    },

    async lookAgain({ roomId, mediaId }, at) {
      await prisma.$executeRaw`
        UPDATE "MediaStay" SET "dueAt" = ${at}
         WHERE "roomId" = ${roomId}::uuid AND "mediaId" = ${mediaId} AND "present" AND "dueAt" IS NULL`
    },

    async forget(roomId) {
      await prisma.$executeRaw`DELETE FROM "MediaStay" WHERE "roomId" = ${roomId}::uuid AND "dueAt" IS NULL`
      await prisma.$executeRaw`DELETE FROM "MediaBan" WHERE "roomId" = ${roomId}::uuid`
    },

    async addBan({ roomId, mediaId }, ban) {
      await prisma.$executeRaw`
        INSERT INTO "MediaBan" ("roomId", "mediaId", "ban") VALUES (${roomId}::uuid, ${mediaId}, ${ban})
        ON CONFLICT DO NOTHING`
    },

    bansOf: (roomId) => prisma.$queryRaw<(MediaUser & { ban: string })[]>`
      SELECT "roomId"::text, "mediaId", "ban" FROM "MediaBan" WHERE "roomId" = ${roomId}::uuid`,

    async removeBan({ roomId, mediaId }, ban) {
      await prisma.$executeRaw`
        DELETE FROM "MediaBan" WHERE "roomId" = ${roomId}::uuid AND "mediaId" = ${mediaId} AND "ban" = ${ban}`
    },
  }
}
