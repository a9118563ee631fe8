import { expect, test } from 'vitest'
import { take, withWorld } from '../world.ts'
import { VAPID_ENV } from './browser.ts'
import { startPushService } from './push-service.ts'

const REGISTER = `mutation ($input: RegisterPushSubscriptionInput!) {
  registerPushSubscription(input: $input) { subscription { id } }
}`
const UPDATES = `subscription ($roomId: ID!) { roomUpdated(roomId: $roomId, after: 1) {
  seq type participant { userId reach } room { reach } } }`

test.each(['ring', 'fail'])(
  'with RING_OFFLINE=%s a call rings by push, and the caller sees it',
  async (RING_OFFLINE) => {
    const service = await startPushService(() => ({ status: 201 }))
    try {
      await withWorld(
        async ({ alice, bob }) => {
          const { subscription } = service.browser()
          expect((await bob.graphql(REGISTER, { input: subscription })).body.errors).toBeUndefined()
          const { status, body } = await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
          expect({ status, reach: body.reach }).toEqual({ status: 201, reach: 'none' })
          const updates = alice.subscribe(UPDATES, { roomId: body.id })
          const [update] = await take(updates, 1)
          await updates.return?.()
          expect(update.data.roomUpdated).toEqual({
            seq: 2,
            type: 'PARTICIPANT_UPDATED',
            participant: { userId: 'bob', reach: 'PUSHED' },
            room: { reach: 'PUSHED' },
          })
        },
        {
          env: { ...VAPID_ENV, PUSH_ALLOW_PRIVATE: 'true', RING_OFFLINE },
          dependencies: { pushAuthorities: service.ca },
        },
      )
    } finally {
      await service.close()
    }
  },
)

test('a subscription does not make a callee reachable while Web Push has no keys', () =>
  withWorld(
    async ({ alice, bob, app }) => {
      const id = '01900000-0000-7000-8000-000000000001'
      const [createdAt, usedAt] = [new Date(), new Date()]
      const endpoint = 'https://push.example/1'
      await app.prisma.pushSubscription.create({
        data: { id, userId: bob.id, address: 'hash', endpoint, createdAt, usedAt },
      })
      const refused = await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: bob.id })
      expect(refused).toMatchObject({ status: 409, body: { code: 'CALLEE_OFFLINE' } })
    },
    { env: { RING_OFFLINE: 'fail' } },
  ))

test('a ring that the push service refuses reaches nobody', async () => {
  const service = await startPushService(() => ({ status: 410 }))
  try {
    await withWorld(
      async ({ alice, bob, app }) => {
        const { subscription } = service.browser()
        await bob.graphql(REGISTER, { input: subscription })
        const { body } = await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
        await service.until(() => service.received.length === 1)
        await expect.poll(() => app.prisma.pushSubscription.count()).toBe(0)
        expect((await alice.rest('GET', `/rooms/${body.id}`)).body).toMatchObject({ seq: 1, reach: 'none' })
      },
      { env: { ...VAPID_ENV, PUSH_ALLOW_PRIVATE: 'true' }, dependencies: { pushAuthorities: service.ca } },
    )
  } finally {
    await service.close()
  }
})
