import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import { asMessage, groupOfTen, updates, type Variant } from './variant.ts'

/** The floor: the same bytes to every socket of the `ws` library, and nothing else. */
export async function raw(): Promise<Variant> {
  const server = createServer()
  const sockets = new WebSocketServer({ server })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const stream = updates(groupOfTen('01900000-0000-7000-8000-000000000001'))
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    hello: () => Promise.resolve([]),
    publish() {
      const { value } = stream.next()
      const payload = { data: { roomUpdated: asMessage(value) } }
      const frame = JSON.stringify({ id: 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee', type: 'next', payload })
      for (const socket of sockets.clients) socket.send(frame)
      return value.seq
    },
    async close() {
      for (const socket of sockets.clients) socket.terminate()
      server.close()
      await once(server, 'close')
    },
  }
}
