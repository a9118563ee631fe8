import { beforeEach, describe, expect, it, vi } from 'vitest'
import { VOLCENGINE } from '../media/providers/volcengine.ts'
import { volcengine } from './media/volcengine-double.ts'
import { listen, startClientWorld } from './people.ts'

vi.mock('@volcengine/rtc', async () => ({ default: (await import('./media/volcengine-double.ts')).volcengine }))

const env = { VOLCENGINE_APP_ID: VOLCENGINE.appId, VOLCENGINE_APP_KEY: VOLCENGINE.appKey }

describe('while the media of a join is opening', () => {
  beforeEach(() => volcengine.reset())

  it('the stream is already open, and joinRoom rejects if the room ends meanwhile', async () => {
    const world = await startClientWorld({ env })
    let letIn = () => {}
    volcengine.engine.joining = new Promise<void>((resolve) => {
      letIn = resolve
    })
    const [alice, bob] = [await world.client('alice'), await world.client('bob')]
    const [updates, ends] = [listen(alice, 'roomUpdated'), listen(alice, 'ended')]
    await alice.rtc.init({ provider: 'volcengine' })
    const { id } = await alice.rtc.createRoom({ type: 'p2p', userId: 'bob' })
    const joining = alice.rtc.joinRoom(id).catch((error: unknown) => error)
    // Without her stream, the gateway would start her grace.
    await expect.poll(() => world.app.hub.subscribers(id)).toBe(1)
    await bob.rtc.rejectCall(id)
    await updates.until(({ type }) => type === 'room_ended')
    letIn()
    expect(await joining).toMatchObject({ code: 'ROOM_ENDED' })
    expect([alice.rtc.room, alice.rtc.tracks, ends.waiting]).toEqual([undefined, [], []])
    expect(volcengine.asked.at(-1)).toEqual(['destroyEngine'])
  })

  it('another device can take over, and stays in the room', async () => {
    const world = await startClientWorld({ env })
    let letIn = () => {}
    volcengine.engine.joining = new Promise<void>((resolve) => {
      letIn = resolve
    })
    const [phone, tablet] = [await world.client('bob'), await world.client('bob')]
    const updates = listen(phone, 'roomUpdated')
    const { body: room } = await world.alice.rest('POST', '/rooms', {
      type: 'p2p',
      calleeId: 'bob',
      provider: 'volcengine',
    })
    const joining = phone.rtc.joinRoom(room.id).catch((error: unknown) => error)
    await expect.poll(() => world.app.hub.subscribers(room.id)).toBe(1)
    const taking = tablet.rtc.joinRoom(room.id)
    await updates.until(({ participant }) => participant?.leaveReason === 'replaced')
    letIn()
    expect(await joining).toMatchObject({ code: 'ROOM_ENDED' })
    await taking
    const { body } = await world.bob.rest('GET', `/rooms/${room.id}/participants`)
    expect(body).toMatchObject([{}, { userId: 'bob', state: 'joined' }])
    expect(tablet.rtc.room?.status).toBe('waiting')
  })

  it('a failure leaves the room again', async () => {
    const world = await startClientWorld({ env })
    volcengine.engine.joinError = new Error('no')
    const alice = await world.client('alice')
    await alice.rtc.init({ provider: 'volcengine' })
    const { id } = await alice.rtc.createRoom({ type: 'p2p', userId: 'bob' })
    await expect(alice.rtc.joinRoom(id)).rejects.toMatchObject({ code: 'MEDIA_FAILED' })
    expect(await alice.rtc.getRoom(id)).toMatchObject({ status: 'ended', endReason: 'cancelled' })
    await expect(alice.rtc.enableCamera(true)).rejects.toMatchObject({ code: 'INVALID_STATE' })
  })
})
