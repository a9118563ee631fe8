import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Answer, type Messages, type Person, startWorld, take } from '../world.ts'

const CALLS = 'subscription { incomingCall { type room { id } } }'
const BLOCK = 'mutation ($userId: ID!) { blockUser(input: { userId: $userId }) { userId blockedAt } }'
const UNBLOCK = 'mutation ($userId: ID!) { unblockUser(input: { userId: $userId }) { userId } }'
const BLOCKED = '{ blockedUsers { userId } }'

let world: Awaited<ReturnType<typeof startWorld>>
beforeAll(async () => {
  world = await startWorld()
})
afterAll(() => world.close())

const heard = async (messages: Messages, count: number): Promise<Answer['body'][]> =>
  (await take(messages, count)).map(({ data }) => data.incomingCall)

const create = async (person: Person, body: object): Promise<string> =>
  (await person.rest('POST', '/rooms', body)).body.id

test('blocking, unblocking and the list are one thing at both doors', async () => {
  const dave = await world.person('dave')
  expect((await dave.graphql(BLOCK, { userId: 'eve' })).body.data.blockUser).toMatchObject({ userId: 'eve' })
  const put = await dave.rest('PUT', '/blocked-users/mallory')
  expect(put).toMatchObject({ status: 200, body: { userId: 'mallory', blockedAt: expect.any(String) } })
  expect((await dave.rest('PUT', '/blocked-users/mallory')).body).toEqual(put.body)
  expect((await dave.graphql(BLOCKED)).body.data.blockedUsers).toEqual([{ userId: 'eve' }, { userId: 'mallory' }])
  expect((await dave.rest('DELETE', '/blocked-users/eve')).body).toEqual({ userId: 'eve' })
  expect((await dave.graphql(UNBLOCK, { userId: 'nobody' })).body.data.unblockUser).toEqual({ userId: 'nobody' })
  expect((await dave.rest('GET', '/blocked-users')).body).toEqual([put.body])
})

test('oneself, and what is no user, cannot be blocked', async () => {
  const { alice } = world
  for (const [userId, path] of [
    ['alice', 'alice'],
    ['', '%20'.repeat(129)],
    ['x'.repeat(129), 'x'.repeat(129)],
  ] as const) {
    expect((await alice.graphql(BLOCK, { userId })).body.errors[0].extensions.code).toBe('BAD_USER_INPUT')
    expect((await alice.rest('PUT', `/blocked-users/${path}`)).body.code).toBe('BAD_USER_INPUT')
  }
})

test('a blocked caller sees it ring until it is missed, and no device rings', async () => {
  const [caller, callee, friend] = [await world.person('c1'), await world.person('c2'), await world.person('c3')]
  await callee.rest('PUT', '/blocked-users/c1')
  const ringing = callee.subscribe(CALLS)

  const call = await caller.rest('POST', '/rooms', { type: 'p2p', calleeId: 'c2' })
  expect(call).toMatchObject({ status: 201, body: { status: 'waiting', endReason: null } })
  const [, them] = (await caller.rest('GET', `/rooms/${call.body.id}/participants`)).body
  expect(them).toMatchObject({ userId: 'c2', state: 'invited' })
  expect(Object.keys(them)).not.toContain('silent')

  // Groups, invitations and invitations again.
  const created = await create(caller, { type: 'group', participantIds: ['c2'] })
  const invited = await create(caller, { type: 'group' })
  const invite = () =>
    caller.graphql(
      'mutation ($input: InviteParticipantsInput!) { inviteParticipants(input: $input) { participants { state } } }',
      { input: { roomId: invited, userIds: ['c2'] } },
    )
  expect((await invite()).body.data.inviteParticipants.participants).toEqual([{ state: 'INVITED' }])
  await callee.rest('POST', `/rooms/${invited}/reject`)
  await invite()

  // What somebody else does rings, and is the first that is heard.
  const audible = await create(friend, { type: 'p2p', calleeId: 'c2' })
  expect(await heard(ringing, 1)).toEqual([{ type: 'RINGING', room: { id: audible } }])
  expect(await heard(callee.subscribe(CALLS), 1)).toEqual([{ type: 'RINGING', room: { id: audible } }])

  await callee.rest('DELETE', '/blocked-users/c1')
  await callee.rest('POST', `/rooms/${created}/reject`)
  const again = await caller.rest('POST', `/rooms/${created}/participants`, { userId: 'c2' })
  expect(again.status).toBe(200)
  expect(await heard(ringing, 1)).toEqual([{ type: 'RINGING', room: { id: created } }])
})

test('invitations beyond those that may ring do not ring', async () => {
  const victim = await world.person('victim')
  const ringing = victim.subscribe(CALLS)
  const rooms: string[] = []
  for (let caller = 0; caller < 10; caller += 1) {
    const person = await world.person(`inviter ${caller}`)
    rooms.push(await create(person, { type: 'group', participantIds: ['victim'] }))
  }
  expect((await heard(ringing, 8)).map(({ room }) => room.id)).toEqual(rooms.slice(0, 8))
  await victim.rest('POST', `/rooms/${rooms[0]}/reject`)
  expect(await heard(ringing, 1)).toMatchObject([{ type: 'REJECTED' }])
})
