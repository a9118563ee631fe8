import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { firstIdAt } from '../src/core/ids.ts'
import { createLogger } from '../src/core/logger.ts'
import { startEmbeddedServer } from '../src/db/embedded.ts'
import { migrate } from '../src/db/migrate.ts'
import { type PageFilter, type PageQuery, pageStatement, projectedPageStatement } from '../src/rooms/page.ts'
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

async function fill(client: pg.Client, rooms: number): Promise<void> {
  await client.query(PAST_ROOMS, [rooms])
  await client.query(PAST_PARTICIPANTS)
  await client.query('VACUUM ANALYZE')
}

/** Executes the statement of one page and returns its plan: for these values, or the one for any values. */
async function explain(client: pg.Client, { statement, values }: Page, plan: 'custom' | 'generic'): Promise<Explained> {
  await client.query(`SET plan_cache_mode = force_${plan}_plan`)
  await client.query(`PREPARE page AS ${statement.text}`)
  try {
    const given = values.map((value) => client.escapeLiteral(String(value))).join(', ')
    const { rows } = await client.query<{ 'QUERY PLAN': Explained[] }>(
      `EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE page(${given})`,
    )
    const [explained] = rows[0]?.['QUERY PLAN'] ?? []
    if (!explained) throw new Error('EXPLAIN returned no plan')
    return explained
  } finally {
    await client.query('DEALLOCATE page')
  }
}

/** The plan's nodes from the top, with the number of rows that each one returned. */
function nodesOf(node: PlanNode): { type: string; index: string | undefined; rows: number }[] {
  const { 'Node Type': type, 'Index Name': index, 'Actual Rows': rows, Plans = [] } = node
  return [{ type, index, rows }, ...Plans.flatMap(nodesOf)]
}

/** A page of 20 rooms of `user-0`, and one more to detect a next page. */
const queryOf = (filter: PageFilter, rest: Partial<PageQuery>): PageQuery => ({
  scope: readScope({ id: 'user-0', scopes: new Set() }),
  filter,
  after: null,
  before: null,
  backward: false,
  limit: 21,
  ...rest,
})

type Page = ReturnType<typeof pageStatement>

const pageOf = (filter: PageFilter, rest: Partial<PageQuery> = {}): Page => pageStatement(queryOf(filter, rest))

const withParticipants = (rest: Partial<PageQuery> = {}): Page =>
  projectedPageStatement(queryOf({}, rest), { room: ['status'], participants: ['userId', 'state'] })

/** Typical pages, by description. */
const QUERIES: Readonly<Record<string, Page>> = {
  'the newest rooms': pageOf({}),
  'the rooms before the newest': pageOf({}, { backward: true }),
  'the rooms before a cursor': withParticipants({ after: firstIdAt(new Date('2020-06-01')) }),
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
  'the newest rooms with their participants': withParticipants(),
  'the newest rooms of all users with their participants': withParticipants({ scope: 'all' }),
}

async function main(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'rtc-bench-'))
  const log = createLogger('silent')
  const server = await startEmbeddedServer({ dataDir, log })
  const client = new pg.Client(server.url)
  try {
    await migrate(server.url, log)
    await client.connect()
    process.stdout.write(`filling ${ROOMS} rooms and ${2 * ROOMS} participants …\n`)
    await fill(client, ROOMS)
    for (const [description, page] of Object.entries(QUERIES)) {
      // PostgreSQL chooses between both plans of a prepared statement; any other statement is planned for its values.
      const plans = page.statement.name === undefined ? (['custom'] as const) : (['custom', 'generic'] as const)
      for (const kind of plans) {
        const { Plan, 'Execution Time': time } = await explain(client, page, kind)
        const plan = nodesOf(Plan).map(({ type, index, rows }) => `${type}${index ? ` ${index}` : ''} (${rows})`)
        process.stdout.write(`\n${description}, ${kind} plan: ${time.toFixed(2)} ms\n  ${plan.join('\n  ')}\n`)
        if (nodesOf(Plan).some(({ type }) => type === 'Seq Scan')) process.exitCode = 1
      }
    }
    process.stdout.write(
      process.exitCode ? '\nsome page scans a whole table\n' : '\nevery page uses index scans only\n',
    )
  } finally {
    await client.end()
    await server.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
}

await main()
