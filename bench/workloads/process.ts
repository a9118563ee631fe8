import { readerOf, readRoomId } from '../harness/seed.ts'
import { SERVERS } from '../harness/server.ts'
import { contestants, inTurns, startServer, type Workload } from '../harness/workload.ts'
import { Client } from '../load/client.ts'
import { drive } from '../load/drive.ts'

const NAMES = ['gateway', 'yoga', 'apollo', 'mercurius', 'raw'] as const
const LANES = 64
const MIB = 2 ** 20

const readRoom = (client: Client, index: number) => client.prepare(readerOf(index), 'Room', { id: readRoomId(index) })

export const start: Workload = {
  id: 'start',
  title: 'From the start of the process to the first answer',
  description:
    'With a database that exists and has all migrations: until a room has been read over GraphQL. The gateway checks the ' +
    'migrations, and whether other nodes are there.',
  metrics: [{ name: 'time', unit: 'ms', better: 'less' }],
  run: (bench) =>
    inTurns(
      contestants(NAMES, bench),
      bench.rounds,
      async (name) => {
        const started = performance.now()
        const server = await startServer(name, bench)
        try {
          const client = await Client.connect(server.url, 1)
          await client.send(0, await readRoom(client, 1))
          const time = performance.now() - started
          client.close()
          return { time }
        } finally {
          await server.stop()
        }
      },
      SERVERS,
    ),
}

export const memory: Workload = {
  id: 'memory',
  title: 'Memory of the process',
  description:
    `At rest: after the first request and a garbage collection. Under load: while rooms are read on ${LANES} connections, at ` +
    'the end of the round.',
  metrics: [
    { name: 'resident at rest', unit: 'MiB', better: 'less' },
    { name: 'heap at rest', unit: 'MiB', better: 'less' },
    { name: 'resident under load', unit: 'MiB', better: 'less' },
  ],
  run: (bench) =>
    inTurns(
      contestants(NAMES, bench),
      bench.rounds,
      async (name) => {
        const server = await startServer(name, bench)
        const client = await Client.connect(server.url, LANES)
        try {
          const requests = await Promise.all(Array.from({ length: 512 }, (_, index) => readRoom(client, index)))
          const read = (lane: number, index: number) => client.send(lane, requests[index % 512] ?? Buffer.alloc(0))
          await read(0, 0)
          const rest = await server.usage()
          await drive(LANES, bench, read)
          const loaded = await server.residentNow()
          return {
            'resident at rest': rest.rss / MIB,
            'heap at rest': rest.heap / MIB,
            ...(loaded !== null && { 'resident under load': loaded / MIB }),
          }
        } finally {
          client.close()
          await server.stop()
        }
      },
      SERVERS,
    ),
}
