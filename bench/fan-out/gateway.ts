import { createApp } from '../../src/app.ts'
import { mintToken } from '../../src/auth/development.ts'
import { loadConfig } from '../../src/config.ts'
import { createLogger } from '../../src/core/logger.ts'
import { CreateRoom, JoinRoom } from '../../src/rooms/input.ts'
import type { RoomEvent } from '../../src/rooms/model.ts'
import { createGatewayServer } from '../../src/server.ts'
import { groupOfTen, mutings, QUERY, type Variant } from './variant.ts'

const SECRET = 'a secret that only the benchmark knows, 32 bytes or more'

/** The gateway. Events are put into its hub as they are after their commit; every reader is a user of its own. */
export async function gateway(databaseUrl: string): Promise<Variant> {
  const configuration = loadConfig({
    JWT_SECRET: SECRET,
    HOST: '127.0.0.1',
    PORT: '0',
    LOG_LEVEL: 'error',
    RATE_LIMITS: 'off',
  })
  const app = createApp(configuration, { databaseUrl, log: createLogger('error') })
  await app.start()
  const server = createGatewayServer(app)
  await server.listen()
  const template = groupOfTen('')
  const caller = { id: 'user-0', scopes: new Set<string>() }
  const { room } = await app.rooms.create(
    caller,
    CreateRoom.parse({
      type: 'group',
      maxParticipants: 50,
      participantIds: template.participants.slice(1).map(({ userId }) => userId),
    }),
  )
  let joined = room
  for (const { userId } of room.participants) {
    joined = (await app.rooms.join({ id: userId, scopes: new Set() }, room.id, JoinRoom.parse({}))).room
  }
  const events: Generator<RoomEvent, never> = mutings(joined)
  const token = (userId: string) =>
    mintToken({ secret: SECRET, userId, ttl: 86_400, scopes: ['rtc:admin'], now: new Date() })
  return {
    url: `${server.url.replace('http', 'ws')}/graphql`,
    hello: async (reader) => [
      JSON.stringify({
        type: 'connection_init',
        payload: { authorization: `Bearer ${await token(`reader-${reader}`)}` },
      }),
      JSON.stringify({
        id: `${String(reader).padStart(8, '0')}-bbbb-4ccc-8ddd-eeeeeeeeeeee`,
        type: 'subscribe',
        payload: { query: QUERY, variables: { roomId: room.id } },
      }),
    ],
    publish() {
      const { value } = events.next()
      app.hub.committed(room, [value])
      return value.seq
    },
    async close() {
      await server.close()
      await app.dispose()
    },
  }
}
