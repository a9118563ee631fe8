import { once } from 'node:events'
import WebSocket from 'ws'

/** A raw graphql-transport-ws socket. */
export interface Peer {
  readonly socket: WebSocket
  send(message: unknown): void
  /** The next message; throws if the socket is closed first. */
  // Received messages are untyped.
  // oxlint-disable-next-line typescript/no-explicit-any
  receive(): Promise<any>
  readonly closed: Promise<number>
}

export async function openPeer(
  url: string,
  options: { protocol?: string; token?: string; path?: string; origin?: string } = {},
): Promise<Peer> {
  const { protocol = 'graphql-transport-ws', token, path = '/graphql', origin } = options
  const socket = new WebSocket(url.replace('http', 'ws') + path, protocol, origin === undefined ? {} : { origin })
  const inbox: unknown[] = []
  let wake = () => {}
  let code: number | undefined
  socket.on('message', (data: Buffer) => {
    inbox.push(JSON.parse(data.toString()))
    wake()
  })
  const closed = new Promise<number>((resolve) => {
    socket.once('close', (closeCode) => {
      code = closeCode
      wake()
      resolve(closeCode)
    })
  })
  await once(socket, 'open')
  const peer: Peer = {
    socket,
    closed,
    send: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    async receive() {
      while (inbox.length === 0) {
        if (code !== undefined) throw new Error(`the socket was closed with ${code}`)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      return inbox.shift()
    },
  }
  if (token) {
    peer.send({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } })
    const answer = await peer.receive()
    if (answer.type !== 'connection_ack') throw new Error(`not acknowledged: ${JSON.stringify(answer)}`)
  }
  return peer
}

/** The message that starts an operation. */
export const subscribe = (id: string, query: string, variables?: Record<string, unknown>) => ({
  id,
  type: 'subscribe',
  payload: { query, ...(variables && { variables }) },
})
