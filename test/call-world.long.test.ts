import { readdir, readFile, readlink } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { callTests, withCallWorld } from './call-world.ts'
import { take } from './world.ts'

describe.runIf(callTests)('a gateway in a network namespace', { timeout: 60_000 }, () => {
  test('can be killed and restarted while pages are open, and keeps its address and its rooms', () =>
    withCallWorld(async (world) => {
      const [alice, page] = [await world.person('alice'), await world.open()]
      const { body: room } = await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
      await world.gateway.stop('SIGKILL')
      const rooms = '/im/api/v1/rtc/rooms'
      const ask = () =>
        page.evaluate(
          ([path, token]) =>
            fetch(path, { headers: { authorization: `Bearer ${token}` } }).then(
              (answer) => answer.json(),
              () => 'no response',
            ),
          [`${rooms}/${room.id}`, alice.token] as const,
        )
      expect(await ask()).toBe('no response')
      await world.start()
      expect(await ask()).toEqual(room)
    }))

  test('serves users outside the namespace, including streams', () =>
    withCallWorld(async (world) => {
      const [alice, bob] = [await world.person('alice'), await world.person('bob')]
      const { body: room } = await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob' })
      const stream = alice.subscribe(`subscription { roomUpdated(roomId: "${room.id}") { type } }`)
      expect(await take(stream, 1)).toEqual([{ data: { roomUpdated: { type: 'SNAPSHOT' } } }])
      await bob.rest('POST', `/rooms/${room.id}/join`)
      expect(await take(stream, 1)).toEqual([{ data: { roomUpdated: { type: 'PARTICIPANT_JOINED' } } }])
      await stream.return?.()
    }))

  test.each(['SIGTERM', 'SIGKILL'] as const)('leaves no process in it after %s', async (signal) => {
    let namespace = ''
    await withCallWorld(async ({ gateway, network }) => {
      const { stdout } = network.spawn('readlink', ['/proc/self/ns/net'], { stdio: ['ignore', 'pipe', 'inherit'] })
      namespace = stdout ? (await text(stdout)).trim() : ''
      expect(await programsIn(namespace)).toContain('postgres')
      await gateway.stop(signal)
    })
    await expect.poll(() => programsIn(namespace)).toEqual([])
  })
})

/** The names of the programs that run in a network namespace. */
async function programsIn(namespace: string): Promise<string[]> {
  const programs: string[] = []
  for (const pid of await readdir('/proc')) {
    const ofProcess = await readlink(`/proc/${pid}/ns/net`).catch(() => undefined)
    if (ofProcess === namespace) programs.push((await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => 'gone')).trim())
  }
  return programs
}
