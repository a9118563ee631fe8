import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callTests, startCallWorld } from '../call-world.ts'
import type { Person } from '../world.ts'
import { becomeClient, openSdkPage } from './browser-page.ts'

const SLOW = { timeout: 60_000 }

describe.runIf(callTests)('a page in a call', { timeout: 180_000 }, () => {
  let world: Awaited<ReturnType<typeof startCallWorld>>
  let alice: Person
  beforeAll(async () => {
    // Long enough that nobody is given up as disconnected while the test runs.
    world = await startCallWorld({ env: { DISCONNECT_GRACE: '600' } })
    alice = await world.person('alice')
  })
  afterAll(() => world?.close())

  /** Alice calls bob, who answers on the page. */
  const answer = async (): Promise<{ page: Page; id: string }> => {
    const { body } = await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
    await alice.rest('POST', `/rooms/${body.id}/join`)
    const page = await openSdkPage(world, 'bob', { deviceId: 'tab' })
    await page.evaluate((id) => globalThis.client.rtc.joinRoom(id), body.id as string)
    return { page, id: body.id }
  }
  const bobIn = async (id: string) => (await alice.rest('GET', `/rooms/${id}/participants`)).body[1]

  it.each<[string, (page: Page) => Promise<unknown>]>([
    ['is closed', (page) => page.close()],
    ['goes elsewhere', (page) => page.goto('about:blank')],
  ])('has left soon after it %s', async (_name, go) => {
    const { page, id } = await answer()
    await go(page)
    await expect.poll(async () => (await bobIn(id)).leaveReason, SLOW).toBe('left')
    expect((await alice.rest('GET', `/rooms/${id}`)).body).toMatchObject({ status: 'ended', endReason: 'completed' })
    await page.context().close()
  })

  it('is in the call again after a reload', async () => {
    const { page, id } = await answer()
    const before = await bobIn(id)
    await page.reload()
    await becomeClient(page, 'bob', { token: await world.token('bob'), init: { deviceId: 'tab' } })
    expect(await page.evaluate((roomId) => globalThis.client.rtc.joinRoom(roomId), id)).toMatchObject({
      status: 'active',
    })
    const after = await bobIn(id)
    expect(after).toMatchObject({ state: 'joined', connected: true, lostAt: null, joinedAt: before.joinedAt })
    expect(after.sessionId).not.toBe(before.sessionId)
    const { body } = await alice.graphql(`{ room(id: "${id}") { events { type subjectId } } }`)
    const types = body.data.room.events.map(({ type }: { type: string }) => type)
    expect(types.filter((type: string) => type === 'PARTICIPANT_LEFT')).toEqual([])
    expect(types.filter((type: string) => type === 'PARTICIPANT_DISCONNECTED')).toHaveLength(1)
    await page.context().close()
  })
})
