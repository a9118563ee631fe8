import { describe, expect, it, vi } from 'vitest'
import { type OpenChatClient, OpenChatClient as Client } from '../../src/sdk/index.ts'
import { listen, startClientWorld } from './people.ts'

const INVALID_STATE = expect.objectContaining({ name: 'RtcError', code: 'INVALID_STATE' })

describe('methods called in the wrong state throw INVALID_STATE', () => {
  it.each<[string, (client: OpenChatClient) => Promise<unknown>]>([
    ['enableCamera', ({ rtc }) => rtc.enableCamera(true)],
    ['enableMicrophone', ({ rtc }) => rtc.enableMicrophone(true)],
    ['enableScreenShare', ({ rtc }) => rtc.enableScreenShare(true)],
    ['selectDevice', ({ rtc }) => rtc.selectDevice('camera', 'front')],
    ['leaveRoom without a room', ({ rtc }) => rtc.leaveRoom()],
    ['endRoom without a room', ({ rtc }) => rtc.endRoom()],
  ])('%s before a room is joined', async (_name, call) => {
    const world = await startClientWorld()
    await expect(call(await world.client('alice'))).rejects.toEqual(INVALID_STATE)
  })

  it('joining a second room, or init, while a room is joined', async () => {
    const world = await startClientWorld()
    const alice = await world.client('alice')
    const [first, second] = [
      await alice.rtc.createRoom({ type: 'group' }),
      await alice.rtc.createRoom({ type: 'group' }),
    ]
    const joining = alice.rtc.joinRoom(first.id)
    await expect(alice.rtc.joinRoom(second.id)).rejects.toEqual(INVALID_STATE)
    await joining
    await expect(alice.rtc.joinRoom(second.id)).rejects.toEqual(INVALID_STATE)
    await expect(alice.rtc.init()).rejects.toEqual(INVALID_STATE)
    await alice.rtc.leaveRoom()
    expect(await alice.rtc.joinRoom(second.id)).toMatchObject({ id: second.id })
  })

  it.each<[string, (client: OpenChatClient) => unknown]>([
    ['init', ({ rtc }) => rtc.init()],
    ['createRoom', ({ rtc }) => rtc.createRoom({ type: 'group' })],
    ['joinRoom', ({ rtc }) => rtc.joinRoom('x')],
    ['leaveRoom', ({ rtc }) => rtc.leaveRoom('x')],
    ['endRoom', ({ rtc }) => rtc.endRoom('x')],
    ['rejectCall', ({ rtc }) => rtc.rejectCall('x')],
    ['inviteParticipants', ({ rtc }) => rtc.inviteParticipants('x', [])],
    ['removeParticipant', ({ rtc }) => rtc.removeParticipant('x', 'bob')],
    ['transferHost', ({ rtc }) => rtc.transferHost('x', 'bob')],
    ['getRoom', ({ rtc }) => rtc.getRoom('x')],
    ['getParticipants', ({ rtc }) => rtc.getParticipants('x')],
    ['listRooms', ({ rtc }) => rtc.listRooms()],
    ['listDevices', ({ rtc }) => rtc.listDevices()],
    ['enableCamera', ({ rtc }) => rtc.enableCamera(true)],
    ['on', async ({ rtc }) => rtc.on('ended', () => {})],
  ])('%s after destroy', async (_name, call) => {
    const client = new Client({ server: { baseUrl: 'http://127.0.0.1:9' }, auth: { uid: 'alice', token: 'none' } })
    await client.destroy()
    await client.destroy()
    await expect(call(client)).rejects.toEqual(INVALID_STATE)
  })
})

describe('concurrent method calls', () => {
  it('joining twice sends one join', async () => {
    const world = await startClientWorld()
    const alice = await world.client('alice')
    const { id } = await alice.rtc.createRoom({ type: 'group' })
    const [first, second] = await Promise.all([alice.rtc.joinRoom(id), alice.rtc.joinRoom(id)])
    expect(second).toBe(first)
    expect(await alice.rtc.joinRoom(id)).toMatchObject({ id })
  })

  it('leaving while joining leaves the room', async () => {
    const world = await startClientWorld()
    const alice = await world.client('alice')
    const ends = listen(alice, 'ended')
    const { id } = await alice.rtc.createRoom({ type: 'p2p', userId: 'bob' })
    const joining = alice.rtc.joinRoom(id)
    expect(await alice.rtc.leaveRoom()).toMatchObject({ status: 'ended', endReason: 'cancelled' })
    expect(await ends.next()).toMatchObject({ reason: 'cancelled' })
    await joining
    expect(alice.rtc.room).toBeUndefined()
  })

  it('joining right after leaving joins', async () => {
    const world = await startClientWorld()
    const alice = await world.client('alice')
    const { id } = await alice.rtc.createRoom({ type: 'group' })
    await alice.rtc.joinRoom(id)
    const [left, joined] = await Promise.all([alice.rtc.leaveRoom(), alice.rtc.joinRoom(id)])
    expect(joined.seq).toBeGreaterThan(left.seq)
    expect(alice.rtc.room?.participants).toMatchObject([{ userId: 'alice', state: 'joined' }])
  })

  it('a rejected endRoom leaves the participant in the room', async () => {
    const world = await startClientWorld()
    const [alice, bob] = [await world.client('alice'), await world.client('bob')]
    const ends = listen(bob, 'ended')
    const { id } = await alice.rtc.createRoom({ type: 'group', userIds: ['bob'] })
    await alice.rtc.joinRoom(id)
    await bob.rtc.joinRoom(id)
    await expect(bob.rtc.endRoom()).rejects.toMatchObject({ code: 'FORBIDDEN' })
    expect([bob.rtc.room?.id, ends.waiting]).toEqual([id, []])
    expect(await alice.rtc.endRoom()).toMatchObject({ status: 'ended' })
    expect(await ends.next()).toMatchObject({ reason: 'completed' })
  })

  it('declining twice succeeds', async () => {
    const world = await startClientWorld()
    const [alice, bob] = [await world.client('alice'), await world.client('bob')]
    const { id } = await alice.rtc.createRoom({ type: 'p2p', userId: 'bob' })
    await bob.rtc.rejectCall(id)
    expect(await bob.rtc.rejectCall(id)).toMatchObject({ id, endReason: 'rejected' })
    await expect(alice.rtc.rejectCall(id)).rejects.toMatchObject({ code: 'FORBIDDEN' })
  })

  it('destroying while joining leaves the room', async () => {
    const world = await startClientWorld()
    const alice = await world.client('alice')
    const { id } = await alice.rtc.createRoom({ type: 'p2p', userId: 'bob' })
    const joining = alice.rtc.joinRoom(id)
    await alice.destroy()
    await joining
    expect((await world.bob.rest('GET', `/rooms/${id}`)).body).toMatchObject({ status: 'ended' })
  })
})

describe('mistakes of the application', () => {
  it('appKey causes a warning and is never sent', async () => {
    const world = await startClientWorld()
    const alice = await world.client('alice')
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
    const sent = vi.spyOn(globalThis, 'fetch')
    try {
      await alice.rtc.init({ provider: 'webrtc', appId: 'app', appKey: 'top secret' })
      await alice.rtc.createRoom({ type: 'p2p', userId: 'bob' })
      expect(warn).toHaveBeenCalledWith(expect.stringContaining('appKey'))
      expect(sent).toHaveBeenCalledOnce()
      expect(JSON.stringify(sent.mock.calls)).not.toContain('top secret')
    } finally {
      vi.restoreAllMocks()
    }
  })

  it.each(['', 'localhost:3000', 'ftp://localhost', '/relative'])('baseUrl %j throws a TypeError', (baseUrl) => {
    expect(() => new Client({ server: { baseUrl }, auth: { uid: 'alice', token: '' } })).toThrow(TypeError)
  })

  it('a listener that throws or rejects does not affect the others', async () => {
    const world = await startClientWorld()
    const alice = await world.client('alice')
    const complain = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    try {
      alice.rtc.on('ended', () => {
        throw new Error('oops')
      })
      alice.rtc.on('ended', () => Promise.reject(new Error('oops')))
      const ends = listen(alice, 'ended')
      const { id } = await alice.rtc.createRoom({ type: 'group' })
      await alice.rtc.joinRoom(id)
      await alice.rtc.leaveRoom()
      await expect.poll(() => complain.mock.calls).toHaveLength(2)
      expect(ends.waiting).toHaveLength(1)
    } finally {
      vi.restoreAllMocks()
    }
  })

  it('an input that the gateway refuses carries its problems', async () => {
    const world = await startClientWorld()
    const alice = await world.client('alice')
    await expect(alice.rtc.createRoom({ type: 'p2p', userId: 'alice' })).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
      problems: [{ path: 'calleeId' }],
    })
    const untyped = alice.rtc as unknown as { createRoom(options: object): Promise<unknown> }
    await expect(untyped.createRoom({})).rejects.toMatchObject({ name: 'RtcError', code: 'BAD_USER_INPUT' })
    await expect(untyped.createRoom({ type: 7 })).rejects.toMatchObject({ name: 'RtcError', code: 'BAD_USER_INPUT' })
    await expect(alice.rtc.getRoom('nowhere')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(alice.rtc.createRoom({ type: 'group', provider: 'livekit' })).rejects.toMatchObject({
      code: 'PROVIDER_NOT_CONFIGURED',
    })
  })
})
