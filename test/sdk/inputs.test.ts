import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { OpenChatClient } from '../../src/sdk/index.ts'
import { startClientWorld } from './people.ts'

type Rtc = OpenChatClient['rtc']
/** For calls that violate the declared types, as from JavaScript. */
type Untyped = { [Name in keyof Rtc]: (...args: unknown[]) => Promise<unknown> }

const circular: Record<string, unknown> = {}
circular['self'] = circular

describe('an invalid argument throws BAD_USER_INPUT before anything is sent', () => {
  const client = new OpenChatClient({
    server: { baseUrl: 'http://127.0.0.1:9' },
    auth: { uid: 'alice', token: 'none' },
  })
  const sent = vi.fn<typeof fetch>()
  beforeEach(() => vi.stubGlobal('fetch', sent))
  afterEach(() => vi.unstubAllGlobals())

  it.each<[string, string, (rtc: Untyped) => Promise<unknown>]>([
    ['createRoom without options', 'options', (rtc) => rtc.createRoom()],
    ['createRoom without a type', 'type', (rtc) => rtc.createRoom({ userId: 'bob' })],
    ['createRoom of another type', 'type', (rtc) => rtc.createRoom({ type: 'broadcast', userId: 'bob' })],
    ['createRoom of p2p without a callee', 'userId', (rtc) => rtc.createRoom({ type: 'p2p' })],
    ['createRoom with a number for a user', 'userId', (rtc) => rtc.createRoom({ type: 'p2p', userId: 7 })],
    ['createRoom with an unknown option', 'callee', (rtc) => rtc.createRoom({ type: 'p2p', userId: 'b', callee: 'b' })],
    [
      'createRoom of p2p with seats',
      'maxParticipants',
      (rtc) => rtc.createRoom({ type: 'p2p', userId: 'bob', maxParticipants: 3 }),
    ],
    ['createRoom with circular metadata', 'metadata', (rtc) => rtc.createRoom({ type: 'group', metadata: circular })],
    [
      'createRoom with a BigInt in metadata',
      'metadata',
      (rtc) => rtc.createRoom({ type: 'group', metadata: { id: 1n } }),
    ],
    ['createRoom with NaN in metadata', 'metadata', (rtc) => rtc.createRoom({ type: 'group', metadata: { x: NaN } })],
    ['createRoom with a list for metadata', 'metadata', (rtc) => rtc.createRoom({ type: 'group', metadata: [] })],
    ['createRoom with one user for many', 'userIds', (rtc) => rtc.createRoom({ type: 'group', userIds: 'bob' })],
    ['init with an unknown option', 'apiKey', (rtc) => rtc.init({ apiKey: 'x' })],
    ['init with an unknown provider', 'provider', (rtc) => rtc.init({ provider: 'zoom' })],
    ['joinRoom without a room', 'roomId', (rtc) => rtc.joinRoom()],
    ['joinRoom with a room for its id', 'roomId', (rtc) => rtc.joinRoom({ id: 'x' })],
    ['leaveRoom with null', 'roomId', (rtc) => rtc.leaveRoom(null)],
    ['getRoom without a room', 'roomId', (rtc) => rtc.getRoom()],
    ['getParticipants without a room', 'roomId', (rtc) => rtc.getParticipants()],
    ['getEvents from before the first', 'after', (rtc) => rtc.getEvents('x', { after: -1 })],
    ['rejectCall for another reason', 'reason', (rtc) => rtc.rejectCall('x', 'tired')],
    ['inviteParticipants without people', 'userIds', (rtc) => rtc.inviteParticipants('x')],
    ['removeParticipant without a user', 'userId', (rtc) => rtc.removeParticipant('x')],
    ['listRooms of too many', 'first', (rtc) => rtc.listRooms({ first: 1000 })],
    ['listRooms with an unknown option', 'limit', (rtc) => rtc.listRooms({ limit: 10 })],
    ['listRooms of another status', 'status', (rtc) => rtc.listRooms({ status: 'over' })],
    ['enableCamera with a text', 'enabled', (rtc) => rtc.enableCamera('on')],
    ['selectDevice of a screen', 'source', (rtc) => rtc.selectDevice('screen', 'x')],
  ])('%s', async (_name, path, act) => {
    await expect(act(client.rtc as unknown as Untyped)).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
      problems: [{ path }],
    })
    expect(sent).not.toHaveBeenCalled()
  })
})

describe('accepted variants', () => {
  it('upper-case enum values and undefined options are accepted', async () => {
    const world = await startClientWorld()
    const { rtc } = await world.client('alice')
    const options = { type: 'P2P', userId: 'bob', mediaType: 'AUDIO', name: undefined, maxParticipants: undefined }
    const untyped = rtc as unknown as Untyped
    expect(await untyped.createRoom(options)).toMatchObject({ type: 'p2p', calleeId: 'bob', mediaType: 'audio' })
    expect(await untyped.listRooms({ type: 'P2P', status: 'WAITING', first: 1 })).toMatchObject({ hasNextPage: false })
  })
})
