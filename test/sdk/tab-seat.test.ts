import { beforeEach, describe, expect, it, vi } from 'vitest'
import { VOLCENGINE } from '../media/providers/volcengine.ts'
import { volcengine } from './media/volcengine-double.ts'
import { type ClientWorld, listen, startClientWorld } from './people.ts'

vi.mock('@volcengine/rtc', async () => ({ default: (await import('./media/volcengine-double.ts')).volcengine }))

const env = { VOLCENGINE_APP_ID: VOLCENGINE.appId, VOLCENGINE_APP_KEY: VOLCENGINE.appKey }

/** A client in alice's tab; all of them share the device id. */
async function inTab(world: ClientWorld) {
  const client = await world.client('alice')
  await client.rtc.init({ deviceId: 'the tab' })
  return client
}

const seatOf = async (world: ClientWorld, roomId: string) => {
  const { body } = await world.bob.rest('GET', `/rooms/${roomId}/participants`)
  return body.find(({ userId }: { userId: string }) => userId === 'alice')
}

const types = ['p2p', 'group'] as const
const roomOf = async ({ bob }: ClientWorld, type: (typeof types)[number], more = {}) => {
  const who = type === 'p2p' ? { calleeId: 'alice' } : { participantIds: ['alice'] }
  const { body } = await bob.rest('POST', '/rooms', { type, ...who, ...more })
  await bob.rest('POST', `/rooms/${body.id}/join`)
  return body.id as string
}

describe.each(types)('two clients of one tab in a room of type %s', (type) => {
  it('destroying the first after the second has joined keeps the second in the room', async () => {
    const world = await startClientWorld()
    const [first, second] = [await inTab(world), await inTab(world)]
    const id = await roomOf(world, type)
    await first.rtc.joinRoom(id)
    const { sessionId } = await seatOf(world, id)
    const ends = listen(first, 'ended')
    await second.rtc.joinRoom(id)
    expect(await ends.next()).toMatchObject({ reason: 'replaced' })
    await first.destroy()
    const seat = await seatOf(world, id)
    expect(seat).toMatchObject({ state: 'joined' })
    expect(seat.sessionId).not.toBe(sessionId)
    expect(second.rtc.room?.status).toBe('active')
    await second.rtc.leaveRoom()
    expect(await seatOf(world, id)).toMatchObject({ state: 'left', leaveReason: 'left', sessionId: null })
  })

  it('destroying the first while both join keeps the second in the room', async () => {
    const world = await startClientWorld()
    const [first, second] = [await inTab(world), await inTab(world)]
    const id = await roomOf(world, type)
    // As React mounts a component twice: https://react.dev/reference/react/StrictMode
    const gone = first.rtc.joinRoom(id).catch(() => undefined)
    const destroyed = first.destroy()
    const room = await second.rtc.joinRoom(id)
    await Promise.all([gone, destroyed])
    expect(room).toMatchObject({ id, status: 'active' })
    expect(await seatOf(world, id)).toMatchObject({ state: 'joined' })
    expect(second.rtc.room).toMatchObject({ id, status: 'active' })
  })

  it('the first stays when the media of the second fails', async () => {
    volcengine.reset()
    const world = await startClientWorld({ env })
    const [first, second] = [await inTab(world), await inTab(world)]
    const ends = listen(first, 'ended')
    const id = await roomOf(world, type, { provider: 'volcengine' })
    await first.rtc.joinRoom(id)
    const { sessionId } = await seatOf(world, id)
    volcengine.engine.joinError = new Error('no')
    await expect(second.rtc.joinRoom(id)).rejects.toMatchObject({ code: 'MEDIA_FAILED' })
    expect(await seatOf(world, id)).toMatchObject({ state: 'joined', sessionId })
    expect([ends.waiting, first.rtc.room?.id, second.rtc.room]).toEqual([[], id, undefined])
    await first.rtc.leaveRoom()
    expect(await seatOf(world, id)).toMatchObject({ state: 'left' })
  })
})

describe('a session of the same device in another client', () => {
  beforeEach(() => volcengine.reset())

  it('replaces this session, and a late leave of this session changes nothing', async () => {
    const world = await startClientWorld()
    const alice = await inTab(world)
    const ends = listen(alice, 'ended')
    const id = await roomOf(world, 'p2p')
    await alice.rtc.joinRoom(id)
    await world.alice.rest('POST', `/rooms/${id}/join`, { deviceId: 'the tab', sessionId: 'another copy' })
    expect(await ends.next()).toMatchObject({ reason: 'replaced' })
    await alice.destroy()
    expect(await seatOf(world, id)).toMatchObject({ state: 'joined', sessionId: 'another copy' })
  })
})
