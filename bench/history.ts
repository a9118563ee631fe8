import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { createLogger } from '../src/core/logger.ts'
import { createDatabase } from '../src/db/client.ts'
import { startEmbeddedServer } from '../src/db/embedded.ts'
import { Prisma, type PrismaClient } from '../src/db/generated/prisma/client.ts'
import { migrate } from '../src/db/migrate.ts'
import { type PageQuery, pageStatement, type PageFilter } from '../src/rooms/page.ts'
import { readScope } from '../src/rooms/policy.ts'
import { PAST_PARTICIPANTS, PAST_ROOMS } from './harness/seed.ts'

/**
 * The cost of a page of history in a large database: the query plans of the gateway's statements.
 *
 *     npm run bench:history -- [rooms]
 *
 * The pages are those of `user-0`, who is a participant of a tenth of all rooms.
 */
const ROOMS = Number(process.argv[2] ?? 1_000_000)

interface PlanNode {
  readonly 'Node Type': string
  readonly 'Index Name'?: string
  readonly 'Actual Rows': number
  readonly Plans?: readonly PlanNode[]
}

interface Explained {
  readonly Plan: PlanNode
  readonly 'Execution Time': number
}

async function fill(url: string, rooms: number): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    await client.query(PAST_ROOMS, [rooms])
    await client.query(PAST_PARTICIPANTS)
    await client.query('VACUUM ANALYZE')
  } finally {
    await client.end()
  }
}

/** Executes the statement of one page and returns its plan. */
async function explain(prisma: PrismaClient, query: PageQuery): Promise<Explained> {
  const [row] = await prisma.$queryRaw<{ 'QUERY PLAN': Explained[] }[]>(
    Prisma.sql`EXPLAIN (ANALYZE, FORMAT JSON) ${pageStatement(query)}`,
  )
  const [explained] = row?.['QUERY PLAN'] ?? []
  if (!explained) throw new Error('EXPLAIN returned no plan')
  return explained
}

/** The plan's nodes from the top, with the number of rows that each one returned. */
function nodesOf(node: PlanNode): { type: string; index: string | undefined; rows: number }[] {
  const { 'Node Type': type, 'Index Name': index, 'Actual Rows': rows, Plans = [] } = node
  return [{ type, index, rows }, ...Plans.flatMap(nodesOf)]
}

/** A page of 20 rooms of `user-0`, and one more to detect a next page. */
const pageOf = (filter: PageFilter, rest: Partial<PageQuery> = {}): PageQuery => ({
  scope: readScope({ id: 'user-0', scopes: new Set() }),
  filter,
  after: null,
  before: null,
  backward: false,
  limit: 21,
  ...rest,
})

/** Typical pages, by description. */
const QUERIES: Readonly<Record<string, PageQuery>> = {
  'the newest rooms': pageOf({}),
  'the rooms before the newest': pageOf({}, { backward: true }),
  'missed calls': pageOf({ status: 'ended', endReason: 'missed' }),
  'missed calls of one week': pageOf({
    status: 'ended',
    endReason: 'missed',
    from: new Date('2020-01-08'),
    to: new Date('2020-01-15'),
  }),
  'calls with one other user': pageOf({ peer: 'user-10001' }),
  'live rooms': pageOf({ status: 'active' }),
  'the newest rooms of all users': pageOf({}, { scope: 'all' }),
}

async function main(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'rtc-bench-'))
  const log = createLogger('silent')
  const server = await startEmbeddedServer({ dataDir, log })
  const database = createDatabase({ url: server.url, log })
  try {
    await migrate(server.url, log)
    process.stdout.write(`filling ${ROOMS} rooms and ${2 * ROOMS} participants …\n`)
    await fill(server.url, ROOMS)
    for (const [description, query] of Object.entries(QUERIES)) {
      const { Plan, 'Execution Time': time } = await explain(database.prisma, query)
      const plan = nodesOf(Plan).map(({ type, index, rows }) => `${type}${index ? ` ${index}` : ''} (${rows})`)
      process.stdout.write(`\n${description}: ${time.toFixed(2)} ms\n  ${plan.join('\n  ')}\n`)
      if (nodesOf(Plan).some(({ type }) => type === 'Seq Scan')) process.exitCode = 1
    }
    process.stdout.write(
      process.exitCode ? '\nsome page scans a whole table\n' : '\nevery page uses index scans only\n',
    )
  } finally {
    await database.close()
    await server.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
}

await main()
