import type { Room, RoomEvent } from '../../src/rooms/model.ts'
import { built } from '../harness/built.ts'
import { SECRET } from '../load/tokens.ts'
import { group, mutings, QUERY, type Scene, type Variant } from './variant.ts'

const noScopes = new Set<string>()

/** The gateway. Events enter its hub as after a commit; every subscriber is a different user. */
export async function gateway(databaseUrl: string, { rooms: count, members }: Scene): Promise<Variant> {
  const { createApp } = await built<typeof import('../../src/app.ts')>('app')
  const { mintToken } = await built<typeof import('../../src/auth/development.ts')>('auth/development')
  const { loadConfig } = await built<typeof import('../../src/config.ts')>('config')
  const { createLogger } = await built<typeof import('../../src/core/logger.ts')>('core/logger')
  const { CreateRoom, JoinRoom } = await built<typeof import('../../src/rooms/input.ts')>('rooms/input')
  const { createGatewayServer } = await built<typeof import('../../src/server.ts')>('server')

  const configuration = loadConfig({
    JWT_SECRET: SECRET,
    HOST: '127.0.0.1',
    PORT: '0',
    LOG_LEVEL: 'error',
    RATE_LIMITS: 'off',
    LIVE_ROOMS_MAX: '1000000',
  })
  const app = createApp(configuration, { databaseUrl, log: createLogger('error') })
  await app.start()
  const server = createGatewayServer(app)
  await server.listen()

  const participantIds = group('', members).participants.map(({ userId }) => userId)
  const rooms: { readonly room: Room; readonly events: Generator<RoomEvent, never> }[] = []
  while (rooms.length < count) {
    const [callerId = '', ...invited] = participantIds
    const input = CreateRoom.parse({ type: 'group', maxParticipants: 50, participantIds: invited })
    const { room } = await app.rooms.create({ id: callerId, scopes: noScopes }, input)
    let joined = room
    for (const id of participantIds) {
      joined = (await app.rooms.join({ id, scopes: noScopes }, room.id, JoinRoom.parse({}))).room
    }
    rooms.push({ room: joined, events: mutings(joined) })
  }

  const token = (userId: string) =>
    mintToken({ secret: SECRET, userId, ttl: 86_400, scopes: ['rtc:admin'], now: new Date() })
  return {
    url: `${server.url.replace('http', 'ws')}/graphql`,
    sendsSnapshot: true,
    hello: async (index) => [
      JSON.stringify({
        type: 'connection_init',
        payload: { authorization: `Bearer ${await token(`reader-${index}`)}` },
      }),
      JSON.stringify({
        id: `${String(index).padStart(8, '0')}-bbbb-4ccc-8ddd-eeeeeeeeeeee`,
        type: 'subscribe',
        payload: { query: QUERY, variables: { roomId: rooms[index % count]?.room.id } },
      }),
    ],
    publish(index) {
      const stream = rooms[index]
      if (!stream) throw new RangeError('no such room')
      const { value } = stream.events.next()
      app.hub.committed({ ...stream.room, seq: value.seq }, [value])
      return value.seq
    },
    async close() {
      await server.close()
      await app.dispose()
    },
  }
}
