import { median } from '../harness/statistics.ts'
import { compare, type Workload } from '../harness/workload.ts'
import { Client } from '../load/client.ts'
import { drive, type Driven } from '../load/drive.ts'

/** Maximum number of connections of a join storm. */
const STORM_LANES = 1000
const MUTE_LANES = 64
const MUTE_MEMBERS = 1000

const PEERS = ['gateway', 'yoga', 'apollo', 'mercurius'] as const
/** The peers take a minute for a larger storm: there, one stands for all, in fewer rounds. */
const ALL_PEERS_MAX = 1000
const ROUNDS_OF_LARGEST = 3

/** Users join one group concurrently, each on their own connection. */
export const storm = (members: number): Workload => {
  const lanes = Math.min(members, STORM_LANES)
  const isLarge = members > ALL_PEERS_MAX
  return {
    id: `storm-${members}`,
    title: `${members} members join one group at once`,
    description:
      `All joins are sent at once${lanes < members ? `, on ${lanes} connections` : ''}: the p99 is about the time until the ` +
      'last one is in.' +
      (isLarge ? ` The peers are alike in this; one stands for all. At most ${ROUNDS_OF_LARGEST} rounds.` : '') +
      (isLarge ? '' : ' Repeated with new groups; the rate is that of all, the latency the median of theirs.'),
    metrics: [
      { name: 'joins/s', unit: 'joins/s', better: 'more' },
      { name: 'p50', unit: 'ms', better: 'less' },
      { name: 'p99', unit: 'ms', better: 'less' },
    ],
    run(bench) {
      const names = isLarge ? (['gateway', 'yoga'] as const) : PEERS
      const rounds = isLarge ? Math.min(bench.rounds, ROUNDS_OF_LARGEST) : bench.rounds
      return compare(names, { ...bench, rounds }, async ({ url }) => {
        const client = await Client.connect(url, lanes)
        return {
          // A tenth of the largest storm warms a server up as well.
          ...(isLarge && { warmUp: () => joinAtOnce(client, { lanes, members: ALL_PEERS_MAX }) }),
          async measure() {
            const storms = []
            let time = 0
            const least = isLarge ? 0 : bench.seconds * 0.4
            while (storms.length === 0 || time < least) {
              const joined = await joinAtOnce(client, { lanes, members })
              storms.push(joined)
              time += members / joined.rate
            }
            return {
              'joins/s': (storms.length * members) / time,
              p50: median(storms.map(({ p50 }) => p50)),
              p99: median(storms.map(({ p99 }) => p99)),
            }
          },
          close: () => client.close(),
        }
      })
    },
  }
}

/** Creates a group, which all members then join. */
async function joinAtOnce(client: Client, { lanes, members }: { lanes: number; members: number }): Promise<Driven> {
  const input = { type: 'GROUP', access: 'LINK', maxParticipants: members }
  const { createRoom } = await client.graphql<{ createRoom: { room: { id: string } } }>(0, 'storm-0', 'CreateRoom', {
    input,
  })
  const joins = await Promise.all(
    Array.from({ length: members }, (_, index) =>
      client.prepare(`storm-${index}`, 'JoinRoom', { input: { roomId: createRoom.room.id } }),
    ),
  )
  await client.refresh()
  return drive(lanes, { steps: members }, (lane, index) => client.send(lane, joins[index] ?? Buffer.alloc(0)))
}

export const mutes: Workload = {
  id: 'mutes',
  title: `Muting in a group of ${MUTE_MEMBERS}`,
  description: `Members mute and unmute themselves, ${MUTE_LANES} commands at a time, all in one room.`,
  metrics: [
    { name: 'commands/s', unit: 'commands/s', better: 'more' },
    { name: 'p50', unit: 'ms', better: 'less' },
    { name: 'p99', unit: 'ms', better: 'less' },
  ],
  run(bench) {
    return compare(PEERS, bench, async ({ name, url, database }) => {
      const roomId = await database.seatGroup(name, MUTE_MEMBERS)
      const client = await Client.connect(url, MUTE_LANES)
      const requests = await Promise.all(
        [false, true].flatMap((audio) =>
          Array.from({ length: MUTE_MEMBERS }, (_, member) =>
            client.prepare(`${name}-${member}`, 'UpdateParticipant', { input: { roomId, audio } }),
          ),
        ),
      )
      let next = 0
      return {
        async measure() {
          const { rate, p50, p99 } = await drive(MUTE_LANES, bench, (lane) =>
            client.send(lane, requests[next++ % requests.length] ?? Buffer.alloc(0)),
          )
          return { 'commands/s': rate, p50, p99 }
        },
        close: () => client.close(),
      }
    })
  },
}
