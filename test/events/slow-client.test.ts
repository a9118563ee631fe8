import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { expect, test } from 'vitest'
import { openSource } from '../event-source.ts'
import { startWorld, withWorld, type World } from '../world.ts'

/** Generous, for slow machines. */
const POLL_OPTIONS = { timeout: 15_000 }

const ALIASES = Array.from({ length: 12 }, (_, index) => `m${index}: metadata`).join(' ')
const toggle = (world: World, roomId: string, audio: boolean) =>
  world.alice.graphql(
    'mutation ($input: UpdateParticipantInput!) { updateParticipant(input: $input) { room { seq } } }',
    { input: { roomId, audio } },
  )

/** An event stream with messages of 100 KB that the client does not read. */
async function stall(world: World, roomId: string): Promise<IncomingMessage> {
  const query = `subscription { roomUpdated(roomId: "${roomId}") { seq room { ${ALIASES} } } }`
  const asked = request(`${world.url}/graphql`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${world.alice.token}`,
      accept: 'text/event-stream',
      'content-type': 'application/json',
    },
  })
  asked.end(JSON.stringify({ query }))
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  response.pause()
  return response
}

test(
  'an event stream that the client does not read is closed, and another stream of the room gets every event',
  () =>
    withWorld(async (world) => {
      const metadata = { text: 'x'.repeat(8000) }
      const { body: room } = await world.alice.rest('POST', '/rooms', { type: 'group', metadata })
      await world.alice.rest('POST', `/rooms/${room.id}/join`)
      const path = `/im/api/v1/rtc/rooms/${room.id}/events`
      const live = await openSource(world.url + path, { token: world.alice.token })
      let seq = Number((await live.next())?.id)
      const stalled = await stall(world, room.id)
      await expect.poll(() => world.app.hub.subscribers(room.id), POLL_OPTIONS).toBe(2)
      while (world.app.hub.subscribers(room.id) === 2) {
        await toggle(world, room.id, seq % 2 === 1)
        const event = await live.next()
        if (event?.event === 'keep_alive') continue
        seq += 1
        expect(event?.id).toBe(String(seq))
      }
      const cut = new Promise((resolve) => stalled.once('close', resolve))
      stalled.on('error', () => undefined).resume()
      await cut
      expect(stalled.complete).toBe(false)
      live.close()
    }),
  60_000,
)

test('the gateway ends event streams when it stops', async () => {
  const world = await startWorld()
  const { body: room } = await world.alice.rest('POST', '/rooms', { type: 'group' })
  const paths = [`/rooms/${room.id}/events`, '/calls/events']
  const sources = await Promise.all(
    paths.map((path) => openSource(`${world.url}/im/api/v1/rtc${path}`, { token: world.alice.token })),
  )
  await sources[0]?.next()
  await world.close()
  for (const source of sources) expect(await source.next()).toBeUndefined()
})
