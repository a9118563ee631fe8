import { describe, expect, test } from 'vitest'
import { manualClock, type Person, withWorld, type World } from '../world.ts'

const CONNECTION = `mutation ($input: JoinRoomInput!) { joinRoom(input: $input) { connection { provider meshMax } } }`
const SEATS = `mutation ($input: CreateRoomInput!) { createRoom(input: $input) { room { maxParticipants } } }`

const group = (person: Person, body: object = {}) => person.rest('POST', '/rooms', { type: 'group', ...body })
const ended = async (person: Person, roomId: string) => {
  const { status, endReason } = (await person.rest('GET', `/rooms/${roomId}`)).body
  return [status, endReason]
}

/** Reading a room does not apply its deadlines, so this waits for the sweeper. */
async function expectEnd(person: Person, roomId: string, endReason: string): Promise<void> {
  await expect.poll(() => ended(person, roomId), { timeout: 10_000 }).toEqual(['ended', endReason])
}

describe('a group that no one joins', () => {
  const clock = manualClock()
  const story = (work: (world: World) => Promise<void>) => () => withWorld(work, { dependencies: { clock } })

  test(
    'ends as missed when all invitations have expired',
    story(async ({ alice, bob }) => {
      const { body } = await group(alice, { participantIds: ['bob', 'carol'] })
      await bob.rest('POST', `/rooms/${body.id}/reject`)
      clock.advance(44)
      expect(await ended(alice, body.id)).toEqual(['waiting', null])
      clock.advance(1)
      await expectEnd(alice, body.id, 'missed')
    }),
  )

  test(
    'ends as missed at the ring timeout when all invited users decline',
    story(async ({ alice, bob }) => {
      const { body } = await group(alice, { participantIds: ['bob'] })
      await bob.rest('POST', `/rooms/${body.id}/reject`)
      expect(await ended(alice, body.id)).toEqual(['waiting', null])
      clock.advance(45)
      await expectEnd(alice, body.id, 'missed')
    }),
  )

  test(
    'ends as empty when no one was invited',
    story(async ({ alice }) => {
      const { body } = await group(alice, { access: 'link' })
      clock.advance(30)
      await expectEnd(alice, body.id, 'empty')
    }),
  )

  test(
    'stays open while a later invitation rings',
    story(async ({ alice }) => {
      const { body } = await group(alice)
      clock.advance(29)
      expect((await alice.rest('POST', `/rooms/${body.id}/participants`, { userId: 'bob' })).status).toBe(200)
      clock.advance(44)
      expect((await alice.rest('POST', `/rooms/${body.id}/participants`, { userId: 'bob' })).status).toBe(200)
      clock.advance(1)
      await expectEnd(alice, body.id, 'missed')
    }),
  )

  test(
    'stays open after a participant has joined',
    story(async ({ alice }) => {
      const { body } = await group(alice, { participantIds: ['bob'] })
      await alice.rest('POST', `/rooms/${body.id}/join`)
      clock.advance(100)
      expect((await alice.rest('POST', `/rooms/${body.id}/participants`, { userId: 'bob' })).status).toBe(200)
      expect(await ended(alice, body.id)).toEqual(['waiting', null])
    }),
  )
})

describe('the seats of a mesh', () => {
  const env = {
    LIVEKIT_URL: 'wss://livekit.example',
    LIVEKIT_API_KEY: 'key',
    LIVEKIT_API_SECRET: 'a secret of 32 bytes',
  }

  test('are six by default, unless more are requested or the provider has a media server', () =>
    withWorld(
      async ({ alice }) => {
        const seats = async (input: object) =>
          (await alice.graphql(SEATS, { input: { type: 'GROUP', ...input } })).body.data.createRoom.room.maxParticipants
        expect((await group(alice)).body.maxParticipants).toBe(6)
        expect((await group(alice, { maxParticipants: 40 })).body.maxParticipants).toBe(40)
        expect((await group(alice, { provider: 'livekit' })).body.maxParticipants).toBe(50)
        expect([await seats({}), await seats({ maxParticipants: 40 })]).toEqual([6, 40])
      },
      { env },
    ))

  test('are MESH_MAX, which the connection contains', () =>
    withWorld(
      async ({ alice }) => {
        const { body } = await group(alice, { maxParticipants: 40 })
        expect((await group(alice)).body.maxParticipants).toBe(4)
        const joined = await alice.rest('POST', `/rooms/${body.id}/join`)
        expect(joined.body.connection).toMatchObject({ provider: 'webrtc', meshMax: 4 })
        const other = await group(alice, { provider: 'livekit' })
        const { data } = (await alice.graphql(CONNECTION, { input: { roomId: other.body.id } })).body
        expect(data.joinRoom.connection).toEqual({ provider: 'LIVEKIT', meshMax: null })
      },
      { env: { ...env, MESH_MAX: '4' } },
    ))

  test('are refused to a mesh client when MESH_MAX participants have joined', () =>
    withWorld(
      async ({ alice, bob, carol, person }) => {
        const { body } = await group(alice, { participantIds: ['bob', 'carol', 'dave'], maxParticipants: 40 })
        for (const early of [alice, bob]) await early.rest('POST', `/rooms/${body.id}/join`, { mesh: true })
        const refused = await carol.rest('POST', `/rooms/${body.id}/join`, { mesh: true })
        expect([refused.status, refused.body.code]).toEqual([409, 'ROOM_FULL'])
        const input = { roomId: body.id, mesh: true }
        const { errors } = (await carol.graphql(CONNECTION, { input })).body
        expect(errors[0].extensions.code).toBe('ROOM_FULL')
        const log = await alice.rest('GET', `/rooms/${body.id}/participants`)
        expect(log.body.find(({ userId }: { userId: string }) => userId === 'carol').state).toBe('invited')
        // A client with its own media server may take any free seat of the room.
        expect((await (await person('dave')).rest('POST', `/rooms/${body.id}/join`)).status).toBe(200)
      },
      { env: { ...env, MESH_MAX: '2' } },
    ))

  test('limit invitations, at creation and later', () =>
    withWorld(async ({ alice }) => {
      const guests = Array.from({ length: 7 }, (_, n) => `guest ${n}`)
      expect((await group(alice, { participantIds: guests })).body).toMatchObject({
        code: 'BAD_USER_INPUT',
        errors: [{ path: 'participantIds' }],
      })
      const { body } = await group(alice, { participantIds: guests.slice(0, 6) })
      const refused = await alice.rest('POST', `/rooms/${body.id}/participants`, { userId: 'guest 6' })
      expect(refused.body).toMatchObject({ code: 'BAD_USER_INPUT', errors: [{ path: 'userIds' }] })
      const again = await alice.rest('POST', `/rooms/${body.id}/participants`, { userId: 'guest 5' })
      expect(again.status).toBe(200)
    }))
})
