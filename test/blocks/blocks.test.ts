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

const nextCalls = async (messages: Messages, count: number): Promise<Answer['body'][]> =>
  (await take(messages, count)).map(({ data }) => data.incomingCall)

const create = async (person: Person, body: object): Promise<string> =>
  (await person.rest('POST', '/rooms', body)).body.id

test('users can be blocked, unblocked and listed over REST and GraphQL', async () => {
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

test('the own id and invalid ids cannot be blocked', async () => {
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

test('calls and invitations of a blocked user appear to them as ringing but ring on no device', async () => {
  const [caller, callee, friend] = [await world.person('c1'), await world.person('c2'), await world.person('c3')]
  await callee.rest('PUT', '/blocked-users/c1')
  const ringing = callee.subscribe(CALLS)

  const call = await caller.rest('POST', '/rooms', { type: 'p2p', calleeId: 'c2' })
  expect(call).toMatchObject({ status: 201, body: { status: 'waiting', endReason: null } })
  const [, invited] = (await caller.rest('GET', `/rooms/${call.body.id}/participants`)).body
  expect(invited).toMatchObject({ userId: 'c2', state: 'invited' })
  expect(Object.keys(invited)).not.toContain('silent')

  // New groups, invitations and repeated invitations do not ring either.
  const created = await create(caller, { type: 'group', participantIds: ['c2'] })
  const groupId = await create(caller, { type: 'group' })
  const invite = () =>
    caller.graphql(
      'mutation ($input: InviteParticipantsInput!) { inviteParticipants(input: $input) { participants { state } } }',
      { input: { roomId: groupId, userIds: ['c2'] } },
    )
  expect((await invite()).body.data.inviteParticipants.participants).toEqual([{ state: 'INVITED' }])
  await callee.rest('POST', `/rooms/${groupId}/reject`)
  await invite()

  // The call of another user rings, and is the first one that the callee receives.
  const audible = await create(friend, { type: 'p2p', calleeId: 'c2' })
  expect(await nextCalls(ringing, 1)).toEqual([{ type: 'RINGING', room: { id: audible } }])
  expect(await nextCalls(callee.subscribe(CALLS), 1)).toEqual([{ type: 'RINGING', room: { id: audible } }])

  await callee.rest('DELETE', '/blocked-users/c1')
  await callee.rest('POST', `/rooms/${created}/reject`)
  const again = await caller.rest('POST', `/rooms/${created}/participants`, { userId: 'c2' })
  expect(again.status).toBe(200)
  expect(await nextCalls(ringing, 1)).toEqual([{ type: 'RINGING', room: { id: created } }])
})

test('invitations beyond the limit of ringing calls do not ring', async () => {
  const victim = await world.person('victim')
  const ringing = victim.subscribe(CALLS)
  const rooms: string[] = []
  for (let caller = 0; caller < 10; caller += 1) {
    const person = await world.person(`inviter ${caller}`)
    rooms.push(await create(person, { type: 'group', participantIds: ['victim'] }))
  }
  expect((await nextCalls(ringing, 8)).map(({ room }) => room.id)).toEqual(rooms.slice(0, 8))
  await victim.rest('POST', `/rooms/${rooms[0]}/reject`)
  expect(await nextCalls(ringing, 1)).toMatchObject([{ type: 'REJECTED' }])
})
