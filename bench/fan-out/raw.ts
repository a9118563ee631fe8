import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { asMessage, type Scene, streamsOf, type Variant } from './variant.ts'

/** The baseline: sends the same bytes to every `ws` socket of the room, without GraphQL. */
export async function raw(scene: Scene): Promise<Variant> {
  const server = createServer()
  const sockets = new WebSocketServer({ server })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const rooms = streamsOf(scene).map((stream) => ({ ...stream, subscribers: new Set<WebSocket>() }))
  sockets.on('connection', (socket) => {
    socket.once('message', (room: Buffer) => {
      rooms[Number(room.toString())]?.subscribers.add(socket)
      socket.send('{"type":"connection_ack"}')
    })
  })
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    sendsSnapshot: false,
    hello: (index) => Promise.resolve([String(index % rooms.length)]),
    publish(index) {
      const room = rooms[index]
      if (!room) throw new RangeError('no such room')
      const { value } = room.updates.next()
      const payload = { data: { roomUpdated: asMessage(value) } }
      const frame = JSON.stringify({ id: 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee', type: 'next', payload })
      for (const socket of room.subscribers) socket.send(frame)
      return value.seq
    },
    async close() {
      for (const socket of sockets.clients) socket.terminate()
      server.close()
      await once(server, 'close')
    },
  }
}
