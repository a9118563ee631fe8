import { compare, type Workload } from '../harness/workload.ts'
import { Client } from '../load/client.ts'
import { drive } from '../load/drive.ts'

/** Maximum number of connections of a join storm. */
const STORM_LANES = 1000
const MUTE_LANES = 64
const MUTE_MEMBERS = 1000

const PEERS = ['gateway', 'yoga', 'apollo', 'mercurius'] as const
/** The peers take minutes for a larger storm: there, one stands for all. */
const ALL_PEERS_MAX = 1000

/** Users join one group concurrently, each on their own connection. */
export const storm = (members: number): Workload => {
  const lanes = Math.min(members, STORM_LANES)
  return {
    id: `storm-${members}`,
    title: `${members} members join one group at once`,
    description:
      `All joins are sent at once${lanes < members ? `, on ${lanes} connections` : ''}: the p99 is about the time until the ` +
      `last one is in.${members > ALL_PEERS_MAX ? ' The peers are alike in this; one stands for all.' : ''}`,
    metrics: [
      { name: 'joins/s', unit: 'joins/s', better: 'more' },
      { name: 'p50', unit: 'ms', better: 'less' },
      { name: 'p99', unit: 'ms', better: 'less' },
    ],
    run(bench) {
      return compare(members > ALL_PEERS_MAX ? ['gateway', 'yoga'] : PEERS, bench, async ({ url }) => {
        const client = await Client.connect(url, lanes)
        return {
          async measure() {
            const { createRoom } = await client.graphql<{ createRoom: { room: { id: string } } }>(
              0,
              'storm-0',
              'CreateRoom',
              { input: { type: 'GROUP', access: 'LINK', maxParticipants: members } },
            )
            const input = { roomId: createRoom.room.id }
            const joins = await Promise.all(
              Array.from({ length: members }, (_, index) => client.prepare(`storm-${index}`, 'JoinRoom', { input })),
            )
            const { rate, p50, p99 } = await drive(lanes, { steps: members }, (lane, index) =>
              client.send(lane, joins[index] ?? Buffer.alloc(0)),
            )
            return { 'joins/s': rate, p50, p99 }
          },
          close: () => client.close(),
        }
      })
    },
  }
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
    return compare(PEERS, bench, async ({ name, url }) => {
      const roomId = await bench.database.seatGroup(name, MUTE_MEMBERS)
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
