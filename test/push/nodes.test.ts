import { afterEach, beforeEach, expect, test } from 'vitest'
import { startWorld } from '../world.ts'
import type { Browser } from './browser.ts'
import { VAPID_ENV } from './browser.ts'
import { type Message, type PushService, startPushService } from './push-service.ts'

const CALLS = 20

type World = Awaited<ReturnType<typeof startWorld>>
let service: PushService
let here: World
let there: World

const startNode = (databaseUrl?: string) =>
  startWorld({
    env: { ...VAPID_ENV, PUSH_ALLOW_PRIVATE: 'true' },
    dependencies: { pushAuthorities: service.ca, ...(databaseUrl !== undefined && { databaseUrl }) },
  })

beforeEach(async () => {
  service = await startPushService(() => ({ status: 201 }))
  here = await startNode()
  there = await startNode(here.databaseUrl)
})
afterEach(async () => {
  await there.close()
  await here.close()
  await service.close()
})

const subscribe = async (person: World['bob'], browser: Browser) => {
  const { status } = await person.rest('POST', '/push/subscriptions', browser.subscription)
  expect(status).toBe(200)
}
const typesOf = (browser: Browser, callId: string): string[] =>
  service
    .messagesOf(browser)
    .filter((message: Message) => message.callId === callId)
    .map(({ type }: Message) => type)

test('calls at any node are pushed once, by one of the nodes', async () => {
  const browser = service.browser()
  await subscribe(there.bob, browser)
  for (const world of [here, there]) {
    const { body } = await world.alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
    await world.alice.rest('POST', `/rooms/${body.id}/leave`)
    await service.until(() => typesOf(browser, body.id).includes('cancelled'))
    expect(typesOf(browser, body.id).filter((type) => type === 'cancelled')).toHaveLength(1)
    expect(typesOf(browser, body.id).filter((type) => type === 'ringing').length).toBeLessThanOrEqual(1)
  }
})

test('the end of every call is pushed, also when the node that pushes stops', async () => {
  const browser = service.browser()
  await subscribe(there.bob, browser)
  const callIds: string[] = []
  for (let nth = 0; nth < CALLS; nth += 1) {
    const { body } = await there.alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
    callIds.push(body.id)
    // The first node holds the lease: it started first.
    if (nth === CALLS / 2) await here.app.deliveries.stop()
    await there.alice.rest('POST', `/rooms/${body.id}/leave`)
  }
  await service.until(() => callIds.every((callId) => typesOf(browser, callId).includes('cancelled')))
  for (const callId of callIds) {
    const types = typesOf(browser, callId)
    expect(types.indexOf('ringing')).toBeLessThanOrEqual(0)
    expect(types.at(-1)).toBe('cancelled')
  }
})
