import { readerOf, readRoomId } from '../harness/seed.ts'
import { requireSame } from '../harness/same.ts'
import type { ServerName } from '../harness/server.ts'
import { compare, type Workload } from '../harness/workload.ts'
import { Client, REST } from '../load/client.ts'
import { drive } from '../load/drive.ts'
import { requestBytes } from '../load/http.ts'
import { tokenOf } from '../load/tokens.ts'

const LANES = 32
/** Number of different requests, which are sent in turns. */
const REQUESTS = 512

/** The serialised request with this index. */
type Question = (client: Client, index: number) => Promise<Buffer>

const reading = (
  about: Pick<Workload, 'id' | 'title' | 'description'>,
  servers: readonly ServerName[],
  question: Question,
): Workload => ({
  ...about,
  metrics: [
    { name: 'requests/s', unit: 'requests/s', better: 'more' },
    { name: 'p50', unit: 'ms', better: 'less' },
    { name: 'p99', unit: 'ms', better: 'less' },
  ],
  run(bench) {
    const answers = new Map<string, unknown>()
    return compare(servers, bench, async ({ name, url }) => {
      const client = await Client.connect(url, LANES)
      const requests = await Promise.all(Array.from({ length: REQUESTS }, (_, index) => question(client, index)))
      const first: unknown[] = []
      for (const request of requests.slice(0, 16)) first.push(JSON.parse((await client.send(0, request)).toString()))
      answers.set(name, first)
      requireSame(answers)
      return {
        async measure() {
          const { rate, p50, p99 } = await drive(LANES, bench, (lane, index) =>
            client.send(lane, requests[index % REQUESTS] ?? Buffer.alloc(0)),
          )
          return { 'requests/s': rate, p50, p99 }
        },
        close: () => client.close(),
      }
    })
  },
})

export const reads: readonly Workload[] = [
  reading(
    {
      id: 'room',
      title: 'A room with its ten participants, GraphQL',
      description: `\`POST /graphql\` of one of 512 rooms, by a participant of it, on ${LANES} connections.`,
    },
    ['gateway', 'yoga', 'apollo', 'mercurius', 'raw'],
    (client, index) => client.prepare(readerOf(index * 7), 'Room', { id: readRoomId(index * 7) }),
  ),
  reading(
    {
      id: 'my-rooms',
      title: '20 rooms of mine with their participants, GraphQL',
      description: `The newest page of rooms of one of 500 users, each with its ten participants, on ${LANES} connections.`,
    },
    ['gateway', 'yoga', 'apollo', 'mercurius', 'raw'],
    (client, index) => client.prepare(readerOf(index), 'MyRooms', {}),
  ),
  reading(
    {
      id: 'room-rest',
      title: 'A room, REST',
      description: `\`GET /rooms/:id\` by a participant, on ${LANES} connections. Mercurius stands for Fastify, on which it runs.`,
    },
    ['gateway', 'mercurius', 'raw'],
    async (client, index) =>
      requestBytes(client.url, {
        method: 'GET',
        path: `${REST}/rooms/${readRoomId(index * 7)}`,
        token: await tokenOf(readerOf(index * 7)),
      }),
  ),
]
