import { afterAll, beforeAll, expect, test } from 'vitest'
import pg from 'pg'
import { type Person, startWorld, take } from '../world.ts'

const ERASE = 'mutation ($userId: ID!) { eraseUser(input: { userId: $userId }) { userId pseudonym done } }'
const EXPORT =
  'query ($userId: ID!, $first: Int, $after: String) { exportUser(userId: $userId, first: $first, after: $after) }'
const UPDATES = `subscription ($roomId: ID!, $after: Int) {
  roomUpdated(roomId: $roomId, after: $after) {
    seq type actorId participant { userId } room { callerId hostId status metadata participants { userId state } }
  }
}`
const SIGNAL = `mutation ($roomId: ID!, $toId: ID!) {
  sendSignal(input: { roomId: $roomId, toId: $toId, type: CUSTOM, payload: { hello: "there" } }) { __typename } }`

/** Two nodes on one database. */
let here: Awaited<ReturnType<typeof startWorld>>
let there: Awaited<ReturnType<typeof startWorld>>
let admin: Person
/** One connection, because `pg.Pool.end` does not wait until its connections are closed. */
let client: pg.Client

beforeAll(async () => {
  here = await startWorld()
  there = await startWorld({ dependencies: { databaseUrl: here.databaseUrl } })
  admin = await here.person('operator', { scopes: ['rtc:admin'] })
  client = new pg.Client({ connectionString: here.databaseUrl })
  await client.connect()
})
afterAll(async () => {
  await client.end()
  await there.close()
  await here.close()
})

const tables = async (): Promise<string[]> => {
  const { rows } = await client.query<{ name: string }>(`
    SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`)
  return rows.map(({ name }) => name).filter((name) => name !== '_prisma_migrations')
}

/** The tables that contain a text. */
async function tablesWith(text: string): Promise<string[]> {
  const found: string[] = []
  for (const name of await tables()) {
    const { rows } = await client.query(`SELECT FROM "${name}" row WHERE strpos(row::text, $1) > 0 LIMIT 1`, [text])
    if (rows.length > 0) found.push(name)
  }
  return found
}

const create = async (person: Person, body: object, headers = {}): Promise<string> => {
  const { body: room } = await person.rest('POST', '/rooms', body, headers)
  return room.id
}
const join = (person: Person, roomId: string) =>
  person.rest('POST', `/rooms/${roomId}/join`, { deviceId: `${person.id}-phone` })
const erase = async (userId: string) => (await admin.graphql(ERASE, { userId })).body.data.eraseUser
const logOf = async (roomId: string) =>
  (
    await client.query(
      `SELECT "seq", "type", "actorId", "subjectId" FROM "RoomEvent" WHERE "roomId" = $1 ORDER BY "seq"`,
      [roomId],
    )
  ).rows

test('eraseUser leaves nothing that names the user, and keeps the rooms of others with their logs', async () => {
  const [anna, bert, cleo] = [await here.person('anna-7f'), await here.person('bert'), await there.person('cleo')]
  // A call that ended, a group that somebody else hosts and that goes on, a group of their own, and one of only theirs.
  const call = await create(
    anna,
    { type: 'p2p', calleeId: 'bert', name: 'Anna 7f', metadata: { from: 'anna-7f', note: 'call me' } },
    { 'idempotency-key': 'key-of-anna-7f' },
  )
  await join(anna, call)
  await join(bert, call)
  await anna.rest('POST', `/rooms/${call}/leave`)
  const visited = await create(bert, {
    type: 'group',
    participantIds: ['anna-7f', 'cleo'],
    metadata: { leads: ['anna-7f', 'bert'], 'anna-7f': { role: 'lead' } },
  })
  for (const person of [bert, anna, cleo]) await join(person, visited)
  await anna.graphql(SIGNAL, { roomId: visited, toId: 'bert' })
  await bert.graphql(SIGNAL, { roomId: visited, toId: 'anna-7f' })
  const hosted = await create(anna, { type: 'group', participantIds: ['bert'], metadata: { secret: 'diary' } })
  for (const person of [anna, bert]) await join(person, hosted)
  const alone = await create(anna, { type: 'group' })
  await join(anna, alone)
  for (const [one, other] of [
    [anna, 'bert'],
    [bert, 'anna-7f'],
  ] as const) {
    await one.rest('PUT', `/blocked-users/${other}`)
  }
  const before = [await logOf(call), await logOf(visited), await logOf(hosted)]
  const [{ data }] = await take(anna.subscribe(UPDATES, { roomId: visited }), 1)
  expect(data.roomUpdated.room.participants).toHaveLength(3)

  const follower = cleo.subscribe(UPDATES, { roomId: visited })
  await take(follower, 1)
  const { pseudonym, done } = await erase('anna-7f')
  expect({ pseudonym, done }).toEqual({ pseudonym: expect.stringMatching(/^erased-[0-9a-f]{24}$/), done: true })

  expect(await tablesWith('anna-7f')).toEqual([])
  expect(await tablesWith('Anna 7f')).toEqual([])
  expect(await tablesWith('diary')).toEqual([])
  expect(await tablesWith('call me')).toEqual([])
  expect((await admin.rest('GET', `/rooms/${alone}`)).body.code).toBe('NOT_FOUND')

  // The logs have the same events, and the live rooms some more: the departure, perhaps a new host, and the replacement.
  const after = [await logOf(call), await logOf(visited), await logOf(hosted)]
  const renamed = before.map((log) =>
    log.map((event) => JSON.parse(JSON.stringify(event).replaceAll('anna-7f', pseudonym)) as object),
  )
  for (const [index, log] of after.entries()) expect(log.slice(0, renamed[index]?.length)).toEqual(renamed[index])
  expect(after.map((log) => log.at(-1)?.type)).toEqual(['room_ended', 'room_updated', 'room_updated'])
  const { body: room } = await bert.rest('GET', `/rooms/${visited}`)
  expect(room).toMatchObject({
    status: 'active',
    metadata: { leads: [pseudonym, 'bert'], [pseudonym]: { role: 'lead' } },
  })

  // A follower at the other node sees the departure, then the pseudonym, in order.
  const seen: object[] = []
  for (let last = ''; last !== 'ROOM_UPDATED';) {
    const [update] = await take(follower, 1)
    last = update.data.roomUpdated.type
    seen.push(update.data.roomUpdated)
  }
  expect(seen).toMatchObject([{ type: 'PARTICIPANT_LEFT' }, { type: 'ROOM_UPDATED', actorId: null }])
  expect(seen.at(-1)).toMatchObject({
    room: { participants: [{ userId: 'bert' }, { userId: pseudonym, state: 'LEFT' }, { userId: 'cleo' }] },
  })
  await follower.return?.()

  // Neither the cached rooms of a node nor what it has read of the log bring the user back.
  await bert.rest('DELETE', `/rooms/${visited}/participants/cleo`)
  await bert.rest('POST', `/rooms/${hosted}/participants`, { userId: 'dora' })
  for (const roomId of [visited, hosted]) {
    const { body } = await bert.rest('GET', `/rooms/${roomId}/events?after=0&first=100`, undefined, {
      accept: 'application/json',
    })
    expect(JSON.stringify(body)).not.toContain('anna-7f')
    expect(body.events[0].room.callerId).toBe(roomId === hosted ? pseudonym : 'bert')
  }
  expect(await tablesWith('anna-7f')).toEqual([])
  // The call keeps its other party's history.
  const { body: history } = await bert.rest('GET', `/rooms/${call}`)
  expect(history).toMatchObject({
    callerId: pseudonym,
    calleeId: 'bert',
    endReason: 'completed',
    name: null,
    metadata: null,
  })
})

test('eraseUser is idempotent, gives every erasure another pseudonym, and lets the user begin anew', async () => {
  const [egon, bert] = [await here.person('egon-3c'), await here.person('bert')]
  const roomId = await create(bert, { type: 'group', participantIds: ['egon-3c'] })
  for (const person of [bert, egon]) await join(person, roomId)
  const first = await erase('egon-3c')
  const log = await logOf(roomId)
  const second = await erase('egon-3c')
  expect(second.pseudonym).not.toBe(first.pseudonym)
  expect(await logOf(roomId)).toEqual(log)
  await bert.rest('POST', `/rooms/${roomId}/participants`, { userId: 'egon-3c' })
  expect((await join(egon, roomId)).status).toBe(200)
  const { body: people } = await bert.rest('GET', `/rooms/${roomId}/participants`)
  expect(people.map(({ userId, state }: { userId: string; state: string }) => [userId, state])).toEqual([
    ['bert', 'joined'],
    [first.pseudonym, 'left'],
    ['egon-3c', 'joined'],
  ])
})

test('any node completes an erasure that another one began', async () => {
  const fred = await here.person('fred-9d')
  const roomId = await create(await here.person('bert'), { type: 'group', participantIds: ['fred-9d'] })
  await join(fred, roomId)
  await client.query(`INSERT INTO "Erasure" VALUES ('fred-9d', 'erased-0123', now() - interval '1 minute')`)
  await expect.poll(() => tablesWith('fred-9d'), { timeout: 20_000 }).toEqual([])
  const { body: people } = await (await here.person('bert')).rest('GET', `/rooms/${roomId}/participants`)
  expect(people[1]).toMatchObject({ userId: 'erased-0123' })
})

test('a large log is rewritten by several statements', async () => {
  const [gina, bert] = [await here.person('gina-4a'), await here.person('bert')]
  const roomId = await create(gina, { type: 'p2p', calleeId: 'bert' })
  for (const person of [gina, bert]) await join(person, roomId)
  await gina.rest('POST', `/rooms/${roomId}/leave`)
  const { rows } = await client.query<{ seq: number }>(`SELECT "seq" FROM "Room" WHERE "id" = $1`, [roomId])
  await client.query(
    `INSERT INTO "RoomEvent" SELECT "roomId", "seq" + n, 'participant_updated', "actorId", "subjectId", "data", "at"
       FROM "RoomEvent", generate_series(100, 2600) n WHERE "roomId" = $1 AND "seq" = 3`,
    [roomId],
  )
  await client.query(`UPDATE "Room" SET "seq" = 2603 WHERE "id" = $1`, [roomId])
  expect(rows[0]?.seq).toBeLessThan(100)
  expect((await erase('gina-4a')).done).toBe(true)
  expect(await tablesWith('gina-4a')).toEqual([])
  expect(await logOf(roomId)).toHaveLength((rows[0]?.seq ?? 0) + 2501)
})

test('what a media service reports of a user is exported and erased', async () => {
  const roomId = await create(await here.person('bert'), { type: 'group' })
  await client.query(
    `INSERT INTO "MediaStay" ("roomId", "mediaId", "position", "present", "lost", "at")
     VALUES ($1, 'kira-7f', 1, true, false, now()), ($1, 'bert', 1, true, false, now())`,
    [roomId],
  )
  await client.query(`INSERT INTO "MediaBan" VALUES ($1, 'kira-7f', 'ban-1')`, [roomId])
  const { body } = await admin.graphql(EXPORT, { userId: 'kira-7f' })
  expect(body.data.exportUser.data.mediaStays).toMatchObject([{ roomId, present: true, lost: false, banned: true }])
  await erase('kira-7f')
  expect(await tablesWith('kira-7f')).toEqual([])
  const { rows } = await client.query(`SELECT "mediaId" FROM "MediaStay" WHERE "roomId" = $1`, [roomId])
  expect(rows).toEqual([{ mediaId: 'bert' }])
})

test("an administrator's own actions are erased from rooms and from the audit log", async () => {
  const root = await here.person('root-5e', { scopes: ['rtc:admin'] })
  const roomId = await create(await here.person('bert'), { type: 'group' })
  await root.rest('POST', `/rooms/${roomId}/end`)
  const onBehalf = await create(root, { type: 'p2p', callerId: 'bert', calleeId: 'cleo' })
  const { pseudonym } = await erase('root-5e')
  expect(await tablesWith('root-5e')).toEqual([])
  expect((await logOf(roomId)).at(-1)).toMatchObject({ type: 'room_ended', actorId: pseudonym })
  expect((await logOf(onBehalf))[0]).toMatchObject({ actorId: pseudonym })
})

test('exportUser returns everything that is stored of a user, page by page, and nothing of others', async () => {
  const [hugo, bert] = [await here.person('hugo'), await here.person('bert')]
  const metadata = { order: 'A-17' }
  const call = await create(hugo, { type: 'p2p', calleeId: 'bert', metadata })
  const key = { 'idempotency-key': 'key-of-bert' }
  const group = await create(bert, { type: 'group', participantIds: ['hugo', 'inga', 'jens'] }, key)
  for (const person of [hugo, bert]) await join(person, call)
  await hugo.graphql(SIGNAL, { roomId: call, toId: 'bert' })
  await hugo.rest('PUT', '/blocked-users/mallory')
  const all = (await admin.graphql(EXPORT, { userId: 'hugo' })).body.data.exportUser
  expect(all).toMatchObject({ userId: 'hugo', next: null })
  expect(all.data.rooms).toMatchObject([
    { room: { id: group, callerId: 'bert' }, participant: { userId: 'hugo', state: 'invited' } },
    { room: { id: call, metadata }, participant: { userId: 'hugo', deviceId: 'hugo-phone' } },
  ])
  expect(all.data.events.map(({ roomId }: { roomId: string }) => roomId)).toEqual(expect.arrayContaining([call, group]))
  expect(all.data.signals).toMatchObject([{ roomId: call, toId: 'bert', payload: { hello: 'there' } }])
  expect(all.data.blocks).toMatchObject([{ blockedId: 'mallory' }])
  for (const other of ['inga', 'key-of-bert']) expect(JSON.stringify(all)).not.toContain(other)

  const paged: Record<string, object[]> = {}
  let after: string | null = null
  do {
    const page: { data: Record<string, object[]>; next: string | null } = (
      await admin.graphql(EXPORT, { userId: 'hugo', first: 1, after })
    ).body.data.exportUser
    for (const [name, items] of Object.entries(page.data)) (paged[name] ??= []).push(...items)
    after = page.next
  } while (after !== null)
  expect(paged).toEqual(all.data)
  // Cursors are the client's: none may be an internal error.
  for (const cursor of ['nonsense', '\u0000', '-5', '99999999999', '1:99999999999', `${call}:x`]) {
    for (let holding = 0; holding < here.app.holdings.length; holding += 1) {
      const forged = Buffer.from(JSON.stringify([holding, cursor])).toString('base64url')
      expect((await admin.graphql(EXPORT, { userId: 'hugo', after: forged })).body.errors).toBeUndefined()
    }
  }
  const { body } = await admin.graphql(EXPORT, { userId: 'hugo', after: 'nonsense' })
  expect(body.errors[0].extensions.code).toBe('BAD_USER_INPUT')
})

test('every column that may name a user is registered for export and erasure', async () => {
  /** Names that end like those of users, and JSON without users. */
  const OTHERS = /^(roomId|nodeId|deviceId|sessionId|clientRequestId|endpointId|destinationId|messageId|appId|figures)$/
  const { rows } = await client.query<{ table: string; name: string }>(`
    SELECT table_name AS "table", column_name AS name FROM information_schema.columns
     WHERE table_schema = 'public' AND table_name <> '_prisma_migrations'
       AND (data_type = 'jsonb' OR data_type = 'text' AND column_name ~ '(Id|By)$')`)
  const registered = here.app.holdings.flatMap(({ columns }) =>
    Object.entries(columns).flatMap(([table, names]) => names.map((name) => `${table}.${name}`)),
  )
  const stored = rows.filter(({ name }) => !OTHERS.test(name)).map(({ table, name }) => `${table}.${name}`)
  expect(stored.length).toBeGreaterThan(10)
  expect(registered.toSorted()).toEqual(stored.toSorted())
})
