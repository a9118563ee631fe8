import { expect, it } from 'vitest'
import { createExecutor } from '../../src/rooms/executor.ts'
import { CreateRoom } from '../../src/rooms/input.ts'
import { createRoomStore } from '../../src/rooms/store.ts'
import { createRoomWrites } from '../../src/rooms/writes.ts'
import { withWorld } from '../world.ts'

const user = (id: string) => ({ id, scopes: new Set<string>() })
const LIMITS = { ring: 45, grace: 20, empty: 30, maxDuration: 3600, meshMax: 6 }

it('a command that cannot be written fails alone, also in a batch with others on its room', async () => {
  await withWorld(async ({ app }) => {
    const input = CreateRoom.parse({ type: 'group', access: 'link', maxParticipants: 20 })
    const { room } = await app.rooms.create(user('alice'), input)
    const writes = createRoomWrites(app.statements)
    const { execute } = createExecutor({
      store: createRoomStore(app),
      writes: {
        ...writes,
        async commit(commits, options) {
          const events = commits.flatMap((commit) => commit.events)
          if (events.some(({ subjectId }) => subjectId === 'user-3')) throw new Error('the value is out of range')
          return writes.commit(commits, options)
        },
      },
      clock: app.clock,
      limits: LIMITS,
      ringingMax: 8,
      publish: () => undefined,
    })
    const join = (userId: string) =>
      execute(room.id, {
        type: 'join',
        actor: user(userId),
        deviceId: null,
        sessionId: null,
        expectStream: false,
        mesh: false,
        audio: null,
        video: null,
      })
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, (_, nth) => join(`user-${nth}`)))
    expect(outcomes.flatMap(({ status }, nth) => (status === 'rejected' ? [nth] : []))).toEqual([3])
    const joined = (await createRoomStore(app).load(room.id))?.participants.joined().map(({ userId }) => userId)
    expect(joined?.toSorted()).toEqual([0, 1, 2, 4, 5, 6, 7].map((nth) => `user-${nth}`))
  })
})
