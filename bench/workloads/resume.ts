import { Subscribers } from '../fan-out/subscribers.ts'
import { Trial } from '../fan-out/trial.ts'
import { QUERY } from '../fan-out/variant.ts'
import type { Database } from '../harness/database.ts'
import { Server, SERVERS } from '../harness/server.ts'
import { inTurns, type Workload } from '../harness/workload.ts'
import { Client } from '../load/client.ts'
import { init } from './sockets.ts'

const READERS = 1000
const EVENTS = 1000
const MEMBERS = 10
const LABELS = { gateway: SERVERS.gateway, raw: 'raw ws broadcast', smaller: SERVERS.smaller } as const

/** Creates a room whose last events are mutes; returns its id and its seq before them. */
async function muchHappens(database: Database): Promise<{ roomId: string; seq: number }> {
  const server = await Server.start('gateway', database)
  const client = await Client.connect(server.url, 1)
  try {
    const { createRoom } = await client.graphql<{ createRoom: { room: { id: string } } }>(0, 'user-0', 'CreateRoom', {
      input: { type: 'GROUP', access: 'LINK', maxParticipants: MEMBERS },
    })
    const input = { roomId: createRoom.room.id }
    let seq = 0
    for (let member = 0; member < MEMBERS; member += 1) {
      const { joinRoom } = await client.graphql<{ joinRoom: { room: { seq: number } } }>(
        0,
        `user-${member}`,
        'JoinRoom',
        {
          input,
        },
      )
      seq = joinRoom.room.seq
    }
    for (let event = 0; event < EVENTS; event += 1) {
      const audio = Math.floor(event / MEMBERS) % 2 === 1
      await client.graphql(0, `user-${event % MEMBERS}`, 'UpdateParticipant', { input: { ...input, audio } })
    }
    return { ...input, seq }
  } finally {
    client.close()
    await server.stop()
  }
}

export const resume: Workload = {
  id: 'resume',
  title: `${READERS} readers come back at once, ${EVENTS} events behind`,
  description:
    `The gateway has just been started. ${READERS} connections subscribe at once with the cursor that they left off at; ` +
    'the time is over when each has all events, read from the log. Beside it a raw `ws` broadcast of messages of the same size.',
  metrics: [
    { name: 'deliveries/s', unit: 'deliveries/s', better: 'more' },
    { name: 'time', unit: 's', better: 'less' },
  ],
  async run({ database, smaller, rounds, quick }) {
    const readers = quick ? 200 : READERS
    const hellos = await Promise.all(
      Array.from({ length: readers }, async (_, index) => [await init(`resuming-${index}`, 'rtc:admin')]),
    )
    const measured = (seconds: number) => ({ 'deliveries/s': (readers * EVENTS) / seconds, time: seconds })
    const resumed = async (at: Database) => {
      const { roomId, seq } = await muchHappens(at)
      const query = QUERY.replace('roomUpdated(roomId: $roomId)', `roomUpdated(roomId: $roomId, after: ${seq})`)
      const payload = { query, variables: { roomId } }
      return async () => {
        const server = await Server.start('gateway', at)
        const crowd = new Subscribers(server.webSocketUrl)
        try {
          await crowd.add(hellos)
          crowd.recording = false
          const started = performance.now()
          const complete = new Promise<number>((resolve) => {
            crowd.onDelivery((deliveries) => {
              if (deliveries === readers * EVENTS) resolve(performance.now())
            })
          })
          crowd.sendAll((index) => {
            const id = `${String(index).padStart(8, '0')}-bbbb-4ccc-8ddd-eeeeeeeeeeee`
            return JSON.stringify({ id, type: 'subscribe', payload })
          })
          return measured(((await complete) - started) / 1000)
        } finally {
          crowd.close()
          await server.stop()
        }
      }
    }
    const raw = async () => {
      const trial = await Trial.start('raw', database.url, { rooms: 1, members: MEMBERS })
      try {
        await trial.connect(readers)
        const { rate } = await trial.flood({ events: EVENTS })
        return measured((readers * EVENTS) / rate)
      } finally {
        await trial.close()
      }
    }
    const gateway = await resumed(database)
    const measure = { gateway, raw, smaller: smaller ? await resumed(smaller) : gateway }
    const names = ['gateway', 'raw', 'smaller'] as const
    return inTurns(smaller ? names : names.slice(0, 2), rounds, (name) => measure[name](), LABELS)
  },
}
