import { once } from 'node:events'
import WebSocket from 'ws'
import { Subscriber } from '../fan-out/subscribers.ts'
import { requireSame, withoutIdentity } from '../harness/same.ts'
import { percentile } from '../harness/statistics.ts'
import { compare, type Workload } from '../harness/workload.ts'
import { Client } from '../load/client.ts'
import { drive } from '../load/drive.ts'
import { OPERATIONS } from '../load/operations.ts'
import { tokenOf } from '../load/tokens.ts'

const SERVERS = ['gateway', 'yoga', 'apollo', 'mercurius', 'raw'] as const

export const init = async (userId: string, scope?: string): Promise<string> =>
  JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${await tokenOf(userId, scope)}` } })

interface Update {
  readonly type: string
  readonly seq: number
}

/** Subscribes to a room; calls a listener with each update. */
async function subscribe(url: string, userId: string, roomId: string, onUpdate: (update: Update) => void) {
  const socket = new WebSocket(url, 'graphql-transport-ws')
  await once(socket, 'open')
  const acknowledged = once(socket, 'message')
  socket.send(await init(userId))
  await acknowledged
  socket.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString()) as { type: string; payload?: { data: { roomUpdated: Update } } }
    if (message.type === 'next' && message.payload) onUpdate(message.payload.data.roomUpdated)
    else if (message.type === 'error') throw new Error(data.toString())
  })
  const payload = { operationName: 'RoomUpdated', query: OPERATIONS.RoomUpdated, variables: { roomId } }
  socket.send(JSON.stringify({ id: 'c0ffee00-0000-4000-8000-000000000000', type: 'subscribe', payload }))
  return socket
}

export const latency: Workload = {
  id: 'latency',
  title: 'From a command to the event at a subscriber',
  description:
    'One member mutes by `POST /graphql`, another one reads the room; from sending the one to having the other.',
  metrics: [
    { name: 'p50', unit: 'ms', better: 'less' },
    { name: 'p99', unit: 'ms', better: 'less' },
  ],
  run(bench) {
    const answers = new Map<string, unknown>()
    return compare(SERVERS, bench, async ({ name, url, webSocketUrl, database }) => {
      const roomId = await database.seatGroup(`${name}-latency`, 10)
      let onMute = (_update: Update) => {}
      const socket = await subscribe(webSocketUrl, `${name}-latency-1`, roomId, (update) => {
        if (update.type === 'PARTICIPANT_UPDATED') onMute(update)
      })
      const client = await Client.connect(url, 1)
      const requests = await Promise.all(
        [false, true].map((audio) =>
          client.prepare(`${name}-latency-2`, 'UpdateParticipant', { input: { roomId, audio } }),
        ),
      )
      let next = 0
      const mute = async (): Promise<Update> => {
        const arrived = new Promise<Update>((resolve) => {
          onMute = resolve
        })
        const [update] = await Promise.all([arrived, client.send(0, requests[next++ % 2] ?? Buffer.alloc(0))])
        return update
      }
      // The first command may be executed before the subscription is active.
      const first = await Promise.race([mute(), new Promise((resolve) => setTimeout(resolve, 500))])
      const { seq: _, ...compared } = (first ?? (await mute())) as Update & { participant?: { audio?: boolean } }
      answers.set(name, withoutAudio(compared, name))
      requireSame(answers)
      return {
        async measure() {
          const latencies: number[] = []
          const until = performance.now() + bench.seconds * 1000
          while (performance.now() < until) {
            let at = 0
            const sent = performance.now()
            const arrived = new Promise<void>((resolve) => {
              onMute = () => {
                at = performance.now()
                resolve()
              }
            })
            await Promise.all([arrived, client.send(0, requests[next++ % 2] ?? Buffer.alloc(0))])
            latencies.push(at - sent)
          }
          return { p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) }
        },
        close() {
          client.close()
          socket.terminate()
        },
      }
    })
  },
}

/** The update without user ids and without the mute state, so that updates of different servers can be compared. */
const withoutAudio = (update: object, name: string): unknown =>
  JSON.parse(
    JSON.stringify(withoutIdentity(update))
      .replaceAll(`${name}-`, '')
      .replace(/"audio":(true|false)/, '"audio":"said"'),
  )

const CONNECTING = 64

export const connections: Workload = {
  id: 'connections',
  title: 'Authenticated WebSocket connections',
  description: `From the TCP connection to \`connection_ack\`, each user with a token of their own, ${CONNECTING} at a time.`,
  metrics: [
    { name: 'connections/s', unit: 'connections/s', better: 'more' },
    { name: 'p99', unit: 'ms', better: 'less' },
  ],
  async run(bench) {
    const count = bench.quick ? 500 : 2000
    const hellos = await Promise.all(Array.from({ length: count }, (_, index) => init(`connecting-${index}`)))
    return compare(SERVERS, bench, async ({ webSocketUrl }) => {
      const url = new URL(webSocketUrl)
      return {
        async measure() {
          const subscribers: Subscriber[] = []
          const { rate, p99 } = await drive(CONNECTING, { steps: count }, async (_lane, index) => {
            const subscriber = new Subscriber(() => {})
            subscribers.push(subscriber)
            await subscriber.connect(url, [hellos[index] ?? ''])
          })
          for (const subscriber of subscribers) subscriber.close()
          return { 'connections/s': rate, p99 }
        },
      }
    })
  },
}
