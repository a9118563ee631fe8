import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { MediaProvider } from '../../src/core/media-provider.ts'
import { type Door, graphqlDoor, restDoor } from '../doors.ts'
import { manualClock, type Person, startWorld, type World, withWorld } from '../world.ts'
import { ACCOUNTS } from './accounts.ts'
import { AGORA, readAgoraToken } from './providers/agora.ts'
import type { TokenContent } from './providers/admission.ts'
import { LIVEKIT, readLivekitToken } from './providers/livekit.ts'
import { readTencentToken, TENCENT } from './providers/tencent.ts'
import { readVolcengineToken, VOLCENGINE } from './providers/volcengine.ts'

const TURN = { TURN_URLS: 'turn:turn.example:3478', TURN_SECRET: 'the secret of the TURN server' }
const SECRETS = [VOLCENGINE.appKey, LIVEKIT.apiSecret, TENCENT.secret, AGORA.certificate, TURN.TURN_SECRET]

interface Vendor {
  readonly appId: string | null
  readonly url: string | null
  read(token: string): Promise<TokenContent>
}
const VENDORS: Record<Exclude<MediaProvider, 'webrtc'>, Vendor> = {
  volcengine: { appId: VOLCENGINE.appId, url: null, read: async (token) => readVolcengineToken(token) },
  livekit: { appId: null, url: LIVEKIT.url, read: readLivekitToken },
  tencent: { appId: TENCENT.sdkAppId, url: null, read: async (token) => readTencentToken(token) },
  agora: { appId: AGORA.appId, url: null, read: async (token) => readAgoraToken(token) },
}
const DOORS = [restDoor, graphqlDoor]
const cases = Object.entries(VENDORS).flatMap(([provider, vendor]) =>
  DOORS.map((door) => ({ provider, vendor, door, name: door.name })),
)

let world: World & { close(): Promise<void> }
beforeAll(async () => {
  world = await startWorld({ env: { ...ACCOUNTS, ...TURN } })
})
afterAll(() => world.close())

/** Creates a group of alice with the given provider. */
async function createRoom(door: Door, provider?: string): Promise<string> {
  const input = { type: 'group', mediaType: 'audio', participantIds: ['bob'], ...(provider && { provider }) }
  const { room } = await door.create(world.alice, input)
  return room.id
}

describe.each(cases)('$provider by $name', ({ provider, vendor, door }) => {
  test('join and refresh return a token for the user and the room that expires with the connection', async () => {
    const id = await createRoom(door, provider)
    const { connection: joined } = await door.join(world.bob, id)
    const { connection: refreshed } = await door.refresh(world.bob, id)
    for (const connection of [joined, refreshed]) {
      const { token, expiresAt, ...rest } = connection
      const { appId, url } = vendor
      // Bob was the second to be invited.
      const uid = provider === 'agora' ? 2 : null
      expect(rest).toEqual({ provider, appId, url, roomId: id, userId: 'bob', uid, iceServers: [], meshMax: null })
      const content = await vendor.read(token)
      // A UserSig of Tencent contains neither the room nor publishing rights.
      const grants = { roomId: id, mayPublish: true, maySubscribe: true }
      expect(content).toMatchObject({
        userId: uid === null ? 'bob' : String(uid),
        ...(provider !== 'tencent' && grants),
      })
      // LiveKit on a server of one's own, and Tencent, cannot revoke a token.
      const lifetime = provider === 'livekit' || provider === 'tencent' ? 600 : 3600
      expect(content.expiresAt - content.issuedAt).toBe(lifetime)
      expect(content.expiresAt - Date.parse(expiresAt) / 1000).toBeOneOf([0, 1])
      for (const secret of SECRETS) expect(JSON.stringify(connection)).not.toContain(secret)
    }
  })

  test('users who have not joined, have left or were removed get no connection', async () => {
    const id = await createRoom(door, provider)
    expect(await door.refresh(world.bob, id)).toEqual({ status: 403, code: 'FORBIDDEN' })
    await door.join(world.bob, id)
    await door.leave(world.bob, id)
    expect(await door.refresh(world.bob, id)).toEqual({ status: 403, code: 'FORBIDDEN' })
    await door.remove(world.alice, id, 'bob')
    for (const verb of [door.refresh, door.join]) {
      expect(await verb(world.bob, id)).toEqual({ status: 403, code: 'FORBIDDEN' })
    }
    expect(await door.refresh(world.carol, id)).toEqual({ status: 403, code: 'FORBIDDEN' })
    await door.end(world.alice, id)
    expect(await door.refresh(world.alice, id)).toEqual({ status: 409, code: 'ROOM_ENDED' })
  })
})

// A UserSig of Tencent does not contain publishing rights.
describe.each(cases.filter(({ provider }) => provider !== 'tencent'))(
  '$provider by $name',
  ({ provider, vendor, door }) => {
    test('an observer may not publish', async () => {
      const id = await createRoom(door, provider)
      await door.join(world.bob, id)
      // No command creates observers yet.
      const place = { roomId_userId: { roomId: id, userId: 'bob' } }
      await world.app.prisma.participant.update({ where: place, data: { role: 'observer' } })
      const { connection } = await door.refresh(world.bob, id)
      expect(await vendor.read(connection.token)).toMatchObject({ mayPublish: false, maySubscribe: true })
    })
  },
)

describe('the lifetime of a token', () => {
  const lifetimes = async ({ alice }: World) => {
    const found: Record<string, number> = {}
    for (const provider of ['webrtc', ...Object.keys(VENDORS)]) {
      const { body: room } = await alice.rest('POST', '/rooms', { type: 'group', provider })
      const asked = Date.now()
      const { body } = await alice.rest('POST', `/rooms/${room.id}/join`)
      found[provider] = Math.round((Date.parse(body.connection.expiresAt) - asked) / 1000)
    }
    return found
  }
  const about = (seconds: number) => expect.closeTo(seconds, -0.7)

  test('is an hour where LiveKit Cloud revokes it', async () => {
    await withWorld(
      async (cloud) => {
        const [short, long] = [about(600), about(3600)]
        const expected = { webrtc: long, volcengine: long, livekit: long, tencent: short, agora: long }
        expect(await lifetimes(cloud)).toEqual(expected)
      },
      { env: { ...ACCOUNTS, LIVEKIT_URL: 'wss://app-1.livekit.cloud' } },
    )
  })

  test('is MEDIA_TOKEN_TTL with every media service', async () => {
    await withWorld(
      async (configured) => {
        const short = about(120)
        const expected = { webrtc: about(3600), volcengine: short, livekit: short, tencent: short, agora: short }
        expect(await lifetimes(configured)).toEqual(expected)
      },
      { env: { ...ACCOUNTS, MEDIA_TOKEN_TTL: '120' } },
    )
  })
})

describe('the uid of a participant', () => {
  test('is a number from 1 that the token admits, stays the same, and is nobody else’s', async () => {
    const [alice, bob, carol] = await Promise.all(['alice', 'bob', 'carol'].map((id) => world.person(id)))
    const people = [alice, bob, carol].flatMap((person) => person ?? [])
    const { body: room } = await world.alice.rest('POST', '/rooms', {
      type: 'group',
      provider: 'agora',
      access: 'link',
    })
    const joinAll = async () => {
      // Newcomers join at the same time.
      const joins = await Promise.all(people.map((person) => person.rest('POST', `/rooms/${room.id}/join`)))
      return joins.map(({ body }) => {
        expect(body.participant.uid).toBe(body.connection.uid)
        expect(readAgoraToken(body.connection.token).userId).toBe(String(body.connection.uid))
        return body.connection.uid
      })
    }
    const uids = await joinAll()
    expect(uids.toSorted((a: number, b: number) => a - b)).toEqual([1, 2, 3])
    for (const person of people.slice(1)) await person.rest('POST', `/rooms/${room.id}/leave`)
    expect(await joinAll()).toEqual(uids)
    const { body } = await world.alice.graphql('query ($id: ID!) { room(id: $id) { participants { userId uid } } }', {
      id: room.id,
    })
    const byUser = body.data.room.participants.map(({ userId, uid }: { userId: string; uid: number }) => [userId, uid])
    expect(new Map(byUser)).toEqual(new Map(people.map(({ id }, nth) => [id, uids[nth]])))
  })
})

describe.each(DOORS)('webrtc by $name', (door) => {
  test('requires no account; TURN credentials expire with the connection', async () => {
    const clock = manualClock(new Date('2030-01-01T00:00:00.900Z'))
    await withWorld(
      async ({ alice }) => {
        const { room } = await door.create(alice, { type: 'group' })
        const { connection } = await door.join(alice, room.id)
        expect(connection).toMatchObject({ provider: 'webrtc', appId: null, url: null, token: null })
        clock.advance(1800)
        const { connection: refreshed } = await door.refresh(alice, room.id)
        expect([connection, refreshed].map(({ expiresAt }) => expiresAt)).toEqual([
          '2030-01-01T01:00:00.000Z',
          '2030-01-01T01:30:00.000Z',
        ])
        for (const { expiresAt, iceServers } of [connection, refreshed]) {
          const username = `${Date.parse(expiresAt) / 1000}:alice`
          expect(iceServers).toMatchObject([{ urls: ['turn:turn.example:3478'], username }])
        }
      },
      { env: TURN, dependencies: { clock } },
    )
  })
})

describe('TURN credentials outside a connection', () => {
  const STUN = 'stun:stun.example:3478'
  const urlsFrom: Record<string, (person: Person) => Promise<string[]>> = {
    REST: async (person) =>
      (await person.rest('GET', '/ice-servers')).body.flatMap(({ urls }: { urls: string[] }) => urls),
    GraphQL: async (person) =>
      (await person.graphql('{ iceServers { urls } }')).body.data.iceServers.flatMap(
        ({ urls }: { urls: string[] }) => urls,
      ),
  }

  test.each(Object.entries(urlsFrom))(
    'are only for users who call, are in a room, or are invited to one: %s',
    async (_, urls) => {
      const both = [STUN, 'turn:turn.example:3478']
      await withWorld(
        async ({ alice, bob, carol }) => {
          for (const person of [alice, bob, carol]) expect(await urls(person)).toEqual([STUN])
          const { body: room } = await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
          expect([await urls(alice), await urls(bob), await urls(carol)]).toEqual([both, both, [STUN]])
          for (const person of [alice, bob]) await person.rest('POST', `/rooms/${room.id}/join`)
          expect([await urls(alice), await urls(bob)]).toEqual([both, both])
          await bob.rest('POST', `/rooms/${room.id}/leave`)
          for (const person of [alice, bob]) expect(await urls(person)).toEqual([STUN])
        },
        { env: { ...TURN, STUN_URLS: STUN } },
      )
    },
  )
})

describe('a room past its deadline', () => {
  test.each(DOORS)('returns no connection even before the sweeper has ended it: $name', async (door) => {
    const clock = manualClock()
    await withWorld(
      async ({ person }) => {
        const alice = await person('alice', { ttl: 100_000 })
        const { room } = await door.create(alice, { type: 'group' })
        await door.join(alice, room.id)
        clock.advance(86_400)
        expect(await door.refresh(alice, room.id)).toEqual({ status: 409, code: 'ROOM_ENDED' })
      },
      { dependencies: { clock } },
    )
  })
})

describe('a room created without a provider', () => {
  test.each(DOORS)('gets DEFAULT_PROVIDER: $name', async (door) => {
    expect((await door.get(world.alice, await createRoom(door))).room.provider).toBe('webrtc')
    await withWorld(
      async ({ alice }) => {
        const input = { type: 'group' }
        const chosen = await door.create(alice, input, 'key')
        expect(chosen.room.provider).toBe('livekit')
        expect((await door.create(alice, input, 'key')).room.id).toBe(chosen.room.id)
        expect((await door.create(alice, { ...input, provider: 'webrtc' })).room.provider).toBe('webrtc')
      },
      { env: { ...ACCOUNTS, DEFAULT_PROVIDER: 'livekit' } },
    )
  })
})

describe('a provider that is not configured', () => {
  const REQUIRED: Record<string, string[]> = {
    volcengine: ['VOLCENGINE_APP_ID', 'VOLCENGINE_APP_KEY'],
    livekit: ['LIVEKIT_URL', 'LIVEKIT_API_KEY', 'LIVEKIT_API_SECRET'],
    tencent: ['TENCENT_SDK_APP_ID', 'TENCENT_SECRET'],
    agora: ['AGORA_APP_ID', 'AGORA_CERTIFICATE'],
  }

  test('is refused when a room is created, naming the variables to set', async () => {
    await withWorld(async ({ alice, app }) => {
      for (const [provider, variables] of Object.entries(REQUIRED)) {
        const rest = await alice.rest('POST', '/rooms', { type: 'group', provider })
        expect(rest).toMatchObject({ status: 422, body: { code: 'PROVIDER_NOT_CONFIGURED' } })
        const graphql = await alice.graphql(
          'mutation ($input: CreateRoomInput!) { createRoom(input: $input) { replayed } }',
          {
            input: { type: 'GROUP', provider: provider.toUpperCase() },
          },
        )
        expect(graphql.body.errors).toMatchObject([{ extensions: { code: 'PROVIDER_NOT_CONFIGURED' } }])
        for (const variable of variables) {
          expect(rest.body.detail).toContain(variable)
          expect(graphql.body.errors[0].message).toContain(variable)
        }
      }
      expect(await app.prisma.room.count()).toBe(0)
    })
  })

  test('is refused when an existing room is joined, without taking a seat', async () => {
    await withWorld(async (before) => {
      const { app } = before
      // The second gateway has no credentials for the rooms of the first one.
      await withWorld(
        async ({ alice, carol }) => {
          for (const door of DOORS) {
            const { room } = await door.create(before.alice, { type: 'group' })
            await app.prisma.room.update({ where: { id: room.id }, data: { provider: 'agora' } })
            expect(await door.join(alice, room.id)).toEqual({ status: 422, code: 'PROVIDER_NOT_CONFIGURED' })
            expect(await door.join(carol, room.id)).toEqual({ status: 403, code: 'NOT_INVITED' })
            expect((await door.get(alice, room.id)).room).toMatchObject({
              seq: 1,
              participants: [{ state: 'invited' }],
            })
          }
        },
        { dependencies: { databaseUrl: before.databaseUrl } },
      )
    })
  })
})
