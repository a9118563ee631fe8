import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Person, startWorld } from '../world.ts'

/** Limits of one response: lists count by their actual length, and the size in bytes is limited. */

const INVITED = 999
const FIELDS = 'id userId role state audio video connected joinedAt leftAt leaveReason duration'
const refused = { status: 400, body: { errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] } }

let world: Awaited<ReturnType<typeof startWorld>>
let host: Person
let full: string[]
let statements: string[] = []
beforeAll(async () => {
  world = await startWorld({ dependencies: { onStatement: (sql) => statements.push(sql) } })
  host = await world.person('host')
  const participantIds = Array.from({ length: INVITED }, (_, index) => `guest-${index}`)
  full = []
  for (let index = 0; index < 12; index += 1) {
    const { body } = await host.rest('POST', '/rooms', { type: 'group', maxParticipants: 1000, participantIds })
    full.unshift(body.id)
  }
})
afterAll(() => world.close())

describe('a list of rooms with their participants', () => {
  const page = (fields: string) =>
    `query ($first: Int) { rooms(first: $first) { edges { node { id participants { ${fields} } } } } }`

  test('is answered within the limit', async () => {
    const { status, body } = await host.graphql(page(FIELDS), { first: 5 })
    expect(status).toBe(200)
    expect(body.data.rooms.edges).toHaveLength(5)
    for (const { node } of body.data.rooms.edges) expect(node.participants).toHaveLength(INVITED + 1)
    expect(await host.graphql(page('userId state'), { first: 12 })).toMatchObject({ status: 200 })
  })

  test('is refused over the limit, before all participants are read', async () => {
    statements = []
    expect(await host.graphql(page(FIELDS), { first: 12 })).toMatchObject(refused)
    // One for the rooms. Of the compiled query, and of graphql-js, which executes its error: the first thousand
    // participants, and their total number.
    expect(statements).toHaveLength(5)
  })

  test('is refused over the limit by aliases, too', async () => {
    const names = Array.from({ length: 12 }, (_, index) => `a${index}: participants { ${FIELDS} }`)
    expect(await host.graphql(`{ room(id: "${full[0]}") { ${names.join(' ')} } }`)).toMatchObject(refused)
  })

  test('counts the actual participants: a hundred small rooms are answered', async () => {
    const dave = await world.person('dave')
    for (let index = 0; index < 100; index += 1) await dave.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
    const { body } = await dave.graphql(page(FIELDS), { first: 100 })
    expect(body.data.rooms.edges.length).toBeGreaterThan(0)
  })
})

test('prices a document by its variables, also after pricing it with other values', async () => {
  const text = `query ($first: Int, $each: Int) { rooms(first: $first) { edges { node {
    participantsPage(first: $each) { edges { node { userId state role audio video connected } } } } } } }`
  for (const [values, status] of [
    [{ first: 2, each: 2 }, 200],
    [{ first: 100, each: 100 }, 400],
    [{}, 200],
    [{ first: 2, each: 2 }, 200],
    [{ first: null, each: 100 }, 200],
    [{ first: 100, each: 100 }, 400],
  ] as const) {
    const answer = await host.graphql(text, values)
    expect({ values, status: answer.status }).toEqual({ values, status })
  }
})

test('answers a full room with all participants and events', async () => {
  const { status, body } = await host.graphql(
    `{ room(id: "${full[0]}") { participants { ${FIELDS} } events { seq type at actorId subjectId } } }`,
  )
  expect(status).toBe(200)
  expect(body.data.room.participants).toHaveLength(INVITED + 1)
  expect(body.data.room.participants.map(({ userId }: { userId: string }) => userId).slice(0, 3)).toEqual([
    'host',
    'guest-0',
    'guest-1',
  ])
})

test("reads the viewer's own participants in many full rooms by one statement", async () => {
  statements = []
  const { body } = await host.graphql('{ rooms(first: 12) { edges { node { me { userId role } } } } }')
  expect(body.data.rooms.edges[0].node.me).toEqual({ userId: 'host', role: 'CALLER' })
  expect(statements).toHaveLength(2)
})

test('refuses a response that exceeds the limit in bytes', async () => {
  const erin = await world.person('erin')
  const metadata = { text: 'x'.repeat(8000) }
  for (let index = 0; index < 60; index += 1) await erin.rest('POST', '/rooms', { type: 'group', metadata })
  const names = Array.from({ length: 12 }, (_, index) => `m${index}: metadata`).join(' ')
  expect(await erin.graphql(`{ rooms(first: 60) { edges { node { ${names} } } } }`)).toMatchObject({
    status: 413,
    body: { data: null, errors: [{ extensions: { code: 'PAYLOAD_TOO_LARGE' } }] },
  })
  expect(await erin.graphql('{ rooms(first: 60) { edges { node { metadata } } } }')).toMatchObject({ status: 200 })
})

test('prices each fragment once, however often fragments spread each other', async () => {
  const fragments = Array.from(
    { length: 60 },
    (_, index) => `fragment F${index} on Room { ...F${index + 1} ...F${index + 1} id }`,
  )
  const query = `{ room(id: "${full[0]}") { ...F0 } } ${fragments.join(' ')} fragment F60 on Room { id }`
  expect((await host.graphql(query)).status).toBe(400)
})

describe('participantsPage', () => {
  const PAGE = `query ($id: ID!, $first: Int, $after: String, $state: [ParticipantState!]) { room(id: $id) {
    participantsPage(first: $first, after: $after, state: $state) {
      totalCount edges { cursor node { userId state } } pageInfo { hasNextPage hasPreviousPage endCursor } } } }`

  test('pages through all participants in the order of their invitation', async () => {
    const seen: string[] = []
    for (let after: string | undefined; ;) {
      const { body } = await host.graphql(PAGE, { id: full[0], first: 400, after })
      const { totalCount, edges, pageInfo } = body.data.room.participantsPage
      expect(totalCount).toBe(INVITED + 1)
      seen.push(...edges.map(({ node }: { node: { userId: string } }) => node.userId))
      if (!pageInfo.hasNextPage) break
      after = pageInfo.endCursor
    }
    expect(seen).toEqual(['host', ...Array.from({ length: INVITED }, (_, index) => `guest-${index}`)])
  })

  test('filters by state', async () => {
    await host.rest('POST', `/rooms/${full[1]}/join`)
    const { body } = await host.graphql(PAGE, { id: full[1], state: ['JOINED', 'LEFT'] })
    expect(body.data.room.participantsPage).toEqual({
      totalCount: 1,
      edges: [{ cursor: '0', node: { userId: 'host', state: 'JOINED' } }],
      pageInfo: { hasNextPage: false, hasPreviousPage: false, endCursor: '0' },
    })
  })

  test('reads the pages of many rooms by one statement, and their counts by another', async () => {
    statements = []
    const { status, body } = await host.graphql(`{ rooms(first: 12) { edges { node {
      participantsPage(first: 3) { totalCount edges { node { userId } } pageInfo { hasNextPage } } } } } }`)
    expect(status).toBe(200)
    expect(body.data.rooms.edges).toHaveLength(12)
    expect(body.data.rooms.edges[3].node.participantsPage).toMatchObject({
      totalCount: INVITED + 1,
      edges: [{ node: { userId: 'host' } }, { node: { userId: 'guest-0' } }, { node: { userId: 'guest-1' } }],
      pageInfo: { hasNextPage: true },
    })
    expect(statements).toHaveLength(3)
  })

  test.each([
    ['first', { first: 0 }],
    ['first', { first: 501 }],
    ['after', { after: 'x' }],
    ['state', { state: [] }],
  ])('refuses an invalid %s', async (path, variables) => {
    const { body } = await host.graphql(PAGE, { id: full[0], ...variables })
    expect(body.errors[0].extensions).toMatchObject({ code: 'BAD_USER_INPUT', errors: [{ path }] })
  })
})

describe('REST', () => {
  test('answers the whole list without first, and pages with first', async () => {
    const path = `/rooms/${full[0]}/participants`
    const whole = await host.rest('GET', path)
    expect([whole.body.length, whole.headers.get('link')]).toEqual([INVITED + 1, null])

    const seen: { userId: string }[] = []
    let next = `${world.url}/im/api/v1/rtc${path}?first=400`
    for (let link: string | null = next; link !== null;) {
      const response = await fetch(next, { headers: { authorization: `Bearer ${host.token}` } })
      seen.push(...((await response.json()) as { userId: string }[]))
      link = response.headers.get('link')
      const [, address] = /<([^>]+)>; rel="next"/.exec(link ?? '') ?? []
      next = new URL(address ?? '', next).href
    }
    expect(seen).toEqual(whole.body)
  })

  test('filters by state', async () => {
    const { body: invited } = await host.rest('GET', `/rooms/${full[2]}/participants?state=joined,left`)
    expect(invited).toEqual([])
    const { body } = await host.rest('GET', `/rooms/${full[2]}/participants?state=invited&first=2`)
    expect(body.map(({ userId }: { userId: string }) => userId)).toEqual(['host', 'guest-0'])
  })

  test.each(['first=0', 'first=501', 'first=x', 'after=x&first=1', 'state=there', 'page=2'])(
    'refuses ?%s',
    async (query) => {
      expect(await host.rest('GET', `/rooms/${full[0]}/participants?${query}`)).toMatchObject({
        status: 400,
        body: { code: 'BAD_USER_INPUT' },
      })
    },
  )
})
