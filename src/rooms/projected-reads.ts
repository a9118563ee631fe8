import { BatchQueue } from '../core/batch-queue.ts'
import { type Statement, statement, type Statements } from '../db/statement.ts'
import type { Participant, ParticipantState } from './model.ts'
import { PARTICIPANTS_READ_MAX } from './page.ts'
import {
  existingRoom,
  preparedProjection,
  projectedFrom,
  type ProjectedRow,
  roomColumns,
  toProjectedRoom,
  widest,
} from './projected-rows.ts'
import type { ProjectedRoom, Projection } from './projection.ts'

/** A room as read for one user: only what a projection names, and the user's own state. */
export interface SeenProjection {
  readonly room: ProjectedRoom
  readonly me: Pick<Participant, 'state'> | null
}

export type ReadProjected = (userId: string, roomId: string, projection: Projection) => Promise<SeenProjection | null>

/** Shared statements of one projection in flight at the same time; further reads wait and share the next one. */
const CONCURRENCY = 4
/** Rooms in one statement. */
const BATCH_MAX = 16

interface Read {
  readonly userId: string
  readonly roomId: string
}

type Row = ProjectedRow & { readonly viewerState: ParticipantState | null }
type SharedRow = Row & { readonly index: number }

/** The statements of one projection. */
interface PreparedReads {
  readonly projection: Projection
  /** Parameters: $1, the room; $2, the user. */
  readonly one: Statement
  /** Parameters: $1, the rooms; $2, the user of each; $3, the number of participants to read of each, if any. */
  readonly several: Statement
}

/**
 * Creates a function that reads one room. Reads of the same projection in one iteration of the event loop share a statement,
 * and so do those that have to wait. Rooms with too many participants for a shared statement are read by their own.
 */
export function createProjectedReads(statements: Statements): ReadProjected {
  const readOne = async ({ one, projection }: PreparedReads, { roomId, userId }: Read) => {
    const [row] = await statements.run<Row>(one, [roomId, userId])
    return row ? toSeen(row, projection) : null
  }

  const readSeveral = async ({ several, projection }: PreparedReads, reads: readonly Read[]) => {
    const participantsMax = Math.floor(PARTICIPANTS_READ_MAX / reads.length)
    const wanted = [reads.map(({ roomId }) => roomId), reads.map(({ userId }) => userId)]
    const rows = await statements.run<SharedRow>(
      several,
      projection.participants ? [...wanted, participantsMax + 1] : wanted,
    )
    return new Map(
      rows.map((row) => {
        const isLarge = row.count !== undefined && row.count > participantsMax
        return [reads[row.index], isLarge ? 'large' : toSeen(row, projection)] as const
      }),
    )
  }

  const queues = new WeakMap<Statement, BatchQueue<Read, SeenProjection | 'large' | null>>()
  const queueOf = (prepared: PreparedReads) => {
    const known = queues.get(prepared.one)
    if (known) return known
    const queue = new BatchQueue<Read, SeenProjection | 'large' | null>({
      concurrency: CONCURRENCY,
      batchMax: BATCH_MAX,
      async run(reads) {
        const [first] = reads
        const seen =
          first && reads.length === 1
            ? new Map([[first, await readOne(prepared, first)]])
            : await readSeveral(prepared, reads)
        return (read) => seen.get(read) ?? null
      },
    })
    queues.set(prepared.one, queue)
    return queue
  }

  return async (userId, roomId, projection) => {
    const prepared = preparedReads(projection)
    const read = { userId, roomId }
    const seen = await queueOf(prepared).add(read)
    return seen === 'large' ? readOne(prepared, read) : seen
  }
}

const toSeen = (row: Row, projection: Projection): SeenProjection => ({
  room: toProjectedRoom(row, projection),
  me: row.viewerState && { state: row.viewerState },
})

const known = new WeakMap<Projection, PreparedReads>()

function preparedReads(projection: Projection): PreparedReads {
  const prepared = known.get(projection) ?? prepare(projection)
  known.set(projection, prepared)
  return prepared
}

function prepare(projection: Projection): PreparedReads {
  const room = (id: string) => `SELECT ${roomColumns(projection)} ${existingRoom(id)}`
  const one = preparedProjection(projectedFrom(room('$1::uuid'), projection, { viewer: '$2::text' }), projection)
  if (!one) return prepare(widest(projection))
  const each = { viewer: 'wanted."userId"', limit: 'LIMIT $3::integer' }
  const found = projectedFrom(room('wanted."roomId"'), projection, each)
  const several = statement(`
SELECT (wanted.nth - 1)::integer AS index, found.*
  FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS wanted("roomId", "userId", nth), LATERAL (${found}) found`)
  return { projection, one, several }
}
