import { requireSame, withoutIdentity } from '../harness/same.ts'
import type { ServerName } from '../harness/server.ts'
import { compare, type Workload } from '../harness/workload.ts'
import { Client } from '../load/client.ts'
import { drive } from '../load/drive.ts'

const LANES = 64

/** Executes one call from its creation to its end; returns the responses of the four commands. */
type Cycle = (client: Client, lane: number, pair: { caller: string; callee: string }) => Promise<readonly unknown[]>

const byGraphQL: Cycle = async (client, lane, { caller, callee }) => {
  const created = await client.graphql<{ createRoom: { room: { id: string } } }>(lane, caller, 'CreateRoom', {
    input: { type: 'P2P', calleeId: callee },
  })
  const input = { roomId: created.createRoom.room.id }
  return [
    created,
    await client.graphql(lane, caller, 'JoinRoom', { input }),
    await client.graphql(lane, callee, 'JoinRoom', { input }),
    await client.graphql(lane, caller, 'LeaveRoom', { input }),
  ]
}

const byRest: Cycle = async (client, lane, { caller, callee }) => {
  const body = { type: 'p2p', calleeId: callee }
  const created = await client.rest<{ id: string }>(lane, caller, 'POST', '/rooms', body)
  const path = `/rooms/${created.id}`
  const joined = [
    await client.rest<object>(lane, caller, 'POST', `${path}/join`),
    await client.rest<object>(lane, callee, 'POST', `${path}/join`),
  ]
  // Only the gateway returns a media connection.
  const joins = joined.map((join) => ({ ...join, connection: undefined }))
  return [created, ...joins, await client.rest(lane, caller, 'POST', `${path}/leave`)]
}

const calling = (
  about: Pick<Workload, 'id' | 'title' | 'description'>,
  servers: readonly ServerName[],
  cycle: Cycle,
): Workload => ({
  ...about,
  metrics: [
    { name: 'calls/s', unit: 'calls/s', better: 'more' },
    { name: 'p50', unit: 'ms', better: 'less' },
    { name: 'p99', unit: 'ms', better: 'less' },
    { name: 'p50 alone', unit: 'ms', better: 'less' },
  ],
  run(bench) {
    const answers = new Map<string, unknown>()
    return compare(servers, bench, async ({ name, url }) => {
      const client = await Client.connect(url, LANES)
      // Different callees per server, so that no two servers call the same user.
      const pair = (lane: number) => ({ caller: `${name}-caller-${lane}`, callee: `${name}-callee-${lane}` })
      const first = await cycle(client, 0, pair(0))
      answers.set(name, JSON.parse(JSON.stringify(withoutIdentity(first)).replaceAll(`${name}-`, '')))
      requireSame(answers)
      return {
        async measure() {
          const { rate, p50, p99 } = await drive(LANES, bench, (lane) => cycle(client, lane, pair(lane)))
          const alone = await drive(1, { seconds: bench.seconds / 4 }, (lane) => cycle(client, lane, pair(lane)))
          return { 'calls/s': rate, p50, p99, 'p50 alone': alone.p50 }
        },
        close: () => client.close(),
      }
    })
  },
})

const DESCRIPTION =
  `Create, the caller joins, the callee joins, the caller leaves, which ends the call; ${LANES} calls at a time, then one ` +
  'alone. The peers carry out each command in an interactive transaction; by hand it is one statement that checks nothing.'

export const calls: readonly Workload[] = [
  calling(
    { id: 'call', title: 'A call from create to end, GraphQL', description: DESCRIPTION },
    ['gateway', 'yoga', 'apollo', 'mercurius', 'raw'],
    byGraphQL,
  ),
  calling(
    { id: 'call-rest', title: 'A call from create to end, REST', description: DESCRIPTION },
    ['gateway', 'mercurius', 'raw'],
    byRest,
  ),
]
