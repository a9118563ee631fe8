import pg from 'pg'
import { expect, test } from 'vitest'
import { take, withWorld } from '../world.ts'

interface PlanNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Cond'?: string
  readonly 'Recheck Cond'?: string
  readonly Plans?: readonly PlanNode[]
}

/** Tables that grow without limit. */
const LARGE = new Set(['Room', 'Participant', 'RoomEvent'])

/** The nodes that read a large table without a condition on an index. */
const fullScans = (node: PlanNode): PlanNode[] => {
  const isScan = node['Node Type'].includes('Scan') && LARGE.has(node['Relation Name'] ?? '')
  const isFull = isScan && node['Index Cond'] === undefined && node['Recheck Cond'] === undefined
  return [...(isFull ? [node] : []), ...(node.Plans ?? []).flatMap(fullScans)]
}

test('the generic plans of hot statements find rooms, participants and events by an index', async () => {
  const statements = new Set<string>()
  await withWorld(
    async ({ alice, bob, databaseUrl }) => {
      const calls = bob.subscribe('subscription { incomingCall { type room { id } } }')
      const { body: call } = await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
      await take(calls, 1)
      const updates = alice.subscribe('subscription ($id: ID!) { roomUpdated(roomId: $id, after: 0) { seq } }', call)
      await take(updates, 1)
      for (const person of [alice, bob]) await person.rest('POST', `/rooms/${call.id}/join`)
      await bob.graphql('query ($id: ID!) { room(id: $id) { id participants { userId } events { seq } } }', call)
      for (const path of [`/rooms/${call.id}`, `/rooms/${call.id}/participants?first=1`, '/rooms']) {
        expect((await bob.rest('GET', path)).status).toBe(200)
      }
      await alice.graphql('{ rooms(first: 20) { edges { node { id participants { userId } } } } }')
      await alice.rest('POST', `/rooms/${call.id}/leave`)

      const client = new pg.Client({ connectionString: databaseUrl })
      await client.connect()
      try {
        // The tables of the test are too small for an index to pay: allow only plans that suit large ones.
        await client.query('SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off')
        const found: object = {}
        for (const sql of statements) {
          const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
            `EXPLAIN (GENERIC_PLAN, FORMAT JSON) ${sql}`,
          )
          const scans = rows.flatMap((row) => fullScans(row['QUERY PLAN'][0].Plan))
          if (scans.length > 0) Object.assign(found, { [sql]: scans })
        }
        expect(found).toEqual({})
        const readsInvitations = [...statements].filter((sql) => sql.includes('"ringsUntil" >'))
        expect(readsInvitations.length).toBeGreaterThan(0)
      } finally {
        await client.end()
      }
    },
    { dependencies: { onStatement: (sql) => statements.add(sql) } },
  )
})
