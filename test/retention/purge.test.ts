import { expect, test } from 'vitest'
import pg from 'pg'
import { manualClock, OPERATOR, type Person, take, type World, withWorld } from '../world.ts'

const DAY = 86_400
/** Tokens outlive the days that the tests let pass. */
const options = { ttl: 30 * DAY }
const wait = { timeout: 10_000 }
const GROUP = { type: 'group', participantIds: ['bob'] }
const UPDATES = `subscription ($roomId: ID!, $after: Int) { roomUpdated(roomId: $roomId, after: $after) { seq } }`

async function endedRoom(person: Person, headers: Record<string, string> = {}): Promise<string> {
  const { body: room } = await person.rest('POST', '/rooms', GROUP, headers)
  await person.rest('POST', `/rooms/${room.id}/join`)
  await person.rest('POST', `/rooms/${room.id}/end`)
  return room.id
}

const rowsOf = async ({ app }: World, roomId: string): Promise<number> =>
  (await app.prisma.room.count({ where: { id: roomId } })) +
  (await app.prisma.participant.count({ where: { roomId } })) +
  (await app.prisma.roomEvent.count({ where: { roomId } }))

const codeOf = async (answer: Promise<{ body: { code?: string } }>) => (await answer).body.code

test('a room that ended more than RETENTION days ago does not exist any more; others do', async () => {
  const clock = manualClock()
  await withWorld(
    async (world) => {
      const [alice, carol] = [await world.person('alice', options), await world.person('carol', options)]
      const old = await endedRoom(alice, { 'idempotency-key': 'first' })
      const { body: live } = await alice.rest('POST', '/rooms', { type: 'group' })
      await alice.rest('POST', `/rooms/${live.id}/join`)
      clock.advance(DAY)
      const recent = await endedRoom(alice)
      clock.advance(2 * DAY - 1)
      await expect.poll(() => rowsOf(world, old), wait).toBe(0)

      // To everybody, as a room that never was.
      for (const person of [alice, carol]) {
        expect(await codeOf(person.rest('GET', `/rooms/${old}`))).toBe('NOT_FOUND')
        expect(await codeOf(person.rest('POST', `/rooms/${old}/join`))).toBe('NOT_FOUND')
        expect(await codeOf(person.rest('GET', `/rooms/${old}/events?after=1`))).toBe('NOT_FOUND')
        const [resumed] = await take(person.subscribe(UPDATES, { roomId: old, after: 1 }), 1)
        expect(resumed.errors[0].extensions.code).toBe('NOT_FOUND')
      }
      const { body: page } = await alice.rest('GET', '/rooms')
      expect(page.rooms.map(({ id }: { id: string }) => id)).toEqual([recent, live.id])
      const again = await alice.rest('POST', '/rooms', GROUP, { 'idempotency-key': 'first' })
      expect(again.status).toBe(201)
    },
    { env: { RETENTION: '2', MAX_DURATION: String(20 * DAY) }, dependencies: { clock } },
  )
})

test('a room with more rows than a batch is hidden at once and deleted by several statements', async () => {
  const clock = manualClock()
  await withWorld(
    async (world) => {
      const { app } = world
      const alice = await world.person('alice', options)
      const large = await endedRoom(alice, { 'idempotency-key': 'large' })
      const { seq } = await app.rooms.get(OPERATOR, large)
      const added = 2500
      await app.prisma.$executeRaw`
        INSERT INTO "RoomEvent" SELECT "roomId", "seq" + n, 'participant_updated', 'alice', 'alice', '{}', "at"
          FROM "RoomEvent", generate_series(1, ${added}) n WHERE "roomId" = ${large}::uuid AND "seq" = ${seq}`
      await app.prisma.room.update({ where: { id: large }, data: { seq: seq + added } })
      clock.advance(2 * DAY)
      await expect
        .poll(async () => {
          const events = await app.prisma.roomEvent.count({ where: { roomId: large } })
          if (events < added) expect(await codeOf(alice.rest('GET', `/rooms/${large}`))).toBe('NOT_FOUND')
          return rowsOf(world, large)
        }, wait)
        .toBe(0)
      // The key is free as soon as the room is hidden.
      expect((await alice.rest('POST', '/rooms', GROUP, { 'idempotency-key': 'large' })).status).toBe(201)
    },
    { env: { RETENTION: '1' }, dependencies: { clock } },
  )
})

test('a command of a node that has cached the room as live is NOT_FOUND', async () => {
  const clock = manualClock()
  await withWorld(
    async (world) => {
      const alice = await world.person('alice', options)
      const { body: room } = await alice.rest('POST', '/rooms', GROUP)
      await alice.rest('POST', `/rooms/${room.id}/join`)
      await withWorld(
        async (other) => {
          const elsewhere = await other.person('alice', options)
          expect((await elsewhere.rest('POST', `/rooms/${room.id}/end`)).status).toBe(200)
          clock.advance(2 * DAY)
          await expect.poll(() => rowsOf(world, room.id), wait).toBe(0)
        },
        { env: { RETENTION: '1' }, dependencies: { clock, databaseUrl: world.databaseUrl } },
      )
      expect(await codeOf(alice.rest('POST', `/rooms/${room.id}/leave`))).toBe('NOT_FOUND')
    },
    { dependencies: { clock } },
  )
})

test('the search for ended rooms uses the index of the end, and deletes those of the keys', async () => {
  await withWorld(async ({ databaseUrl }) => {
    const client = new pg.Client({ connectionString: databaseUrl })
    await client.connect()
    try {
      const plan = async (sql: string) => JSON.stringify((await client.query(`EXPLAIN (FORMAT JSON) ${sql}`)).rows)
      await client.query('SET enable_seqscan = off; SET enable_bitmapscan = off')
      const due = await plan(`SELECT "id" FROM "Room" WHERE "endedAt" <= now() ORDER BY "endedAt" LIMIT 200`)
      expect(due).toContain('Room_endedAt_idx')
      expect(due).not.toContain('"Sort"')
      // What a foreign key executes for each deleted room.
      for (const table of ['RoomEvent', 'Participant', 'Lease', 'AwaitedStream', 'Mailbox']) {
        const deletion = await plan(`DELETE FROM "${table}" WHERE "roomId" = '01890000-0000-7000-8000-000000000000'`)
        expect(deletion).toContain(`${table}_pkey`)
      }
    } finally {
      await client.end()
    }
  })
})
