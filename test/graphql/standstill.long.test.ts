import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { mintToken } from '../../src/auth/development.ts'
import { createNetwork, networkTests, type Network } from '../network.ts'
import { startGateway, withPreparedData } from '../process.ts'
import { createPerson, type Person } from '../world.ts'
import type { CrowdOptions, Report } from './standstill/crowd.ts'

const CROWD = fileURLToPath(new URL('standstill/crowd.ts', import.meta.url))
const SECRET = 'a secret that only this test knows, 32 bytes or more'
const LIVE = 1000
const STALLED = 1000
/** Events of 16 KiB each, together larger than the buffers of the kernel and the gateway for one socket. */
const EVENTS = 28
/** Bytes. A socket's queue holds at most 256 KiB; without sharing, a thousand sockets would need a thousand times that. */
const MEMORY = 128 * 2 ** 20

/** With its default buffers, the kernel would buffer megabytes per stalled socket before the gateway queues anything. */
const SMALL_BUFFERS = 'cd /proc/sys/net/ipv4 && echo 4096 16384 16384 >tcp_rmem && echo 4096 16384 32768 >tcp_wmem'

/** Subscribers, in a process of their own in the gateway's network. */
async function startCrowd(network: Network, options: CrowdOptions) {
  const crowd = network.spawn(process.execPath, ['--import', 'tsx', CROWD, JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(crowd, 'exit')
  if (!crowd.stdout || !crowd.stdin) throw new Error('there are pipes')
  const { stdin, stdout } = crowd
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]()
  const report = async (): Promise<Report> => JSON.parse((await lines.next()).value ?? '{}')
  return {
    report,
    wake: () => stdin.write('wake\n'),
    async close() {
      stdin.end()
      await exited
    },
  }
}
const memoryOf = async (pid: number | undefined): Promise<number> => {
  const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kilobytes) * 1024
}

/** Causes an event, which subscribers receive with the room's metadata. */
async function toggle(person: Person, roomId: string, audio: boolean): Promise<number> {
  const { body } = await person.graphql(
    'mutation ($input: UpdateParticipantInput!) { updateParticipant(input: $input) { room { seq } } }',
    { input: { roomId, audio } },
  )
  return body.data.updateParticipant.room.seq
}

describe.runIf(networkTests)('a room', () => {
  test(`delivers every event to ${LIVE} live subscribers and closes ${STALLED} stalled ones with 1013`, async () => {
    const network = await createNetwork()
    try {
      expect(await once(network.spawn('sh', ['-c', SMALL_BUFFERS], { stdio: 'inherit' }), 'exit')).toEqual([0, null])
      await withPreparedData(async (DATA_DIR) => {
        const env = {
          DATA_DIR,
          JWT_SECRET: SECRET,
          HOST: '127.0.0.1',
          DRAIN_TIME: '1',
          LOG_REQUESTS: 'errors',
          // The whole crowd connects from one address.
          RATE_LIMITS: 'off',
        }
        const gateway = await startGateway(env, { network })
        const token = await mintToken({ secret: SECRET, userId: 'alice', ttl: 3600, now: new Date() })
        const alice = createPerson(await network.forwardPort(Number(new URL(gateway.url).port)), 'alice', token)
        const metadata = { text: 'x'.repeat(8000) }
        const { body: room } = await alice.rest('POST', '/rooms', { type: 'group', metadata })
        await alice.rest('POST', `/rooms/${room.id}/join`)
        const crowdOptions = { url: gateway.url, secret: SECRET, roomId: room.id, live: LIVE, stalled: STALLED }
        const crowd = await startCrowd(network, crowdOptions)
        expect(await crowd.report()).toEqual({ kind: 'ready', seq: 2 })

        const before = await memoryOf(gateway.process.pid)
        let largest = before
        for (let seq = 3; seq <= EVENTS; seq += 1) {
          expect(await toggle(alice, room.id, seq % 2 === 0)).toBe(seq)
          expect(await crowd.report()).toEqual({ kind: 'received', seq })
          largest = Math.max(largest, await memoryOf(gateway.process.pid))
        }
        expect(largest - before).toBeLessThan(MEMORY)

        crowd.wake()
        const woken = await crowd.report()
        const endings = woken.kind === 'woken' ? woken.endings : []
        expect(endings).toHaveLength(STALLED)
        expect(new Set(endings.map(({ code }) => code))).toEqual(new Set([1013]))
        for (const { seqs } of endings) {
          expect(seqs).toEqual(seqs.map((_, index) => 2 + index))
          expect(seqs.length).toBeLessThan(EVENTS - 2)
        }
        await crowd.close()
        expect(await gateway.stop('SIGTERM')).toBe(0)
        expect(gateway.output()).not.toMatch(/"level":"(warn|error|fatal)"/)
      })
    } finally {
      await network.close()
    }
  }, 120_000)
})
