import { createClient } from 'graphql-ws'
import { expect, test } from 'vitest'
import WebSocket from 'ws'
import { manualClock, withWorld } from '../world.ts'

test('a client with renewed tokens resumes after each expiry without missing an event', async () => {
  const clock = manualClock()
  await withWorld(
    async ({ url, alice, bob, token }) => {
      const { body: room } = await alice.rest('POST', '/rooms', { type: 'group', participantIds: ['bob'] })
      const closes: number[] = []
      const client = createClient({
        url: `${url.replace('http', 'ws')}/graphql`,
        webSocketImpl: WebSocket,
        connectionParams: async () => ({ authorization: `Bearer ${await token('alice', { ttl: 2 })}` }),
        retryAttempts: Infinity,
        retryWait: () => Promise.resolve(),
        on: { closed: (event) => closes.push((event as { code: number }).code) },
      })
      const variables: { roomId: string; after?: number } = { roomId: room.id }
      const query = `subscription ($roomId: ID!, $after: Int) { roomUpdated(roomId: $roomId, after: $after) { seq } }`
      const seqs: number[] = []
      for await (const { data } of client.iterate<{ roomUpdated: { seq: number } }>({ query, variables })) {
        if (!data) continue
        seqs.push(data.roomUpdated.seq)
        variables.after = data.roomUpdated.seq
        if (closes.length >= 2) break
        if (seqs.length % 4 === 0) clock.advance(7)
        // Events continue while the client is disconnected.
        void bob.rest('POST', `/rooms/${room.id}/${seqs.length % 2 ? 'join' : 'leave'}`)
      }
      expect(closes.slice(0, 2)).toEqual([4403, 4403])
      expect(seqs).toEqual(seqs.map((_, index) => (seqs[0] ?? 0) + index))
      await client.dispose()
    },
    { dependencies: { clock } },
  )
})
