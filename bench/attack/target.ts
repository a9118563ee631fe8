import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import WebSocket from 'ws'
import { mintToken } from '../../src/auth/development.ts'

export const SECRET = 'a secret that only the benchmark knows, 32 bytes or more'

export interface Answer {
  readonly status: number
  readonly body: string
}

/** Connects to the gateway from one local address, so that bounds per address apply to this peer only. */
export class Target {
  readonly url: string
  readonly host: string
  readonly port: number
  readonly #localAddress: string
  readonly #agent: Agent

  constructor(url: string, localAddress: string) {
    this.url = url
    const { hostname, port } = new URL(url)
    this.host = hostname
    this.port = Number(port)
    this.#localAddress = localAddress
    this.#agent = new Agent({ keepAlive: true, maxSockets: 64, localAddress })
  }

  token(userId: string): Promise<string> {
    return mintToken({ secret: SECRET, userId, ttl: 86_400, now: new Date() })
  }

  /** A raw TCP connection. Errors are ignored, since the gateway may cut it off. */
  tcp(): Socket {
    const socket = connect({ host: this.host, port: this.port, localAddress: this.#localAddress })
    socket.on('error', () => socket.destroy())
    return socket
  }

  /** Status 0 stands for a connection that failed. */
  http(method: string, path: string, options: { token?: string; body?: string } = {}): Promise<Answer> {
    const { token, body } = options
    return new Promise((resolve) => {
      const headers = {
        ...(token && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
      }
      const outgoing = request(
        { host: this.host, port: this.port, method, path, headers, agent: this.#agent },
        (response) => {
          let text = ''
          response.setEncoding('utf8')
          response.on('data', (chunk: string) => (text += chunk))
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }))
          response.on('error', () => resolve({ status: 0, body: '' }))
        },
      )
      outgoing.on('error', () => resolve({ status: 0, body: '' }))
      outgoing.end(body)
    })
  }

  rest(token: string, method: string, path: string, body?: unknown): Promise<Answer> {
    return this.http(method, `/im/api/v1/rtc${path}`, {
      token,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  }

  graphql(token: string, query: string, variables: object = {}): Promise<Answer> {
    return this.http('POST', '/graphql', { token, body: JSON.stringify({ query, variables }) })
  }

  /** A WebSocket without connection_init. */
  webSocket(): WebSocket {
    const socket = new WebSocket(`${this.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
      localAddress: this.#localAddress,
    })
    socket.on('error', () => socket.terminate())
    return socket
  }

  /** A WebSocket with an acknowledged connection; null if the gateway refuses it. */
  async session(token: string): Promise<WebSocket | null> {
    const socket = this.webSocket()
    return new Promise((resolve) => {
      socket.once('open', () =>
        socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } })),
      )
      socket.once('message', () => resolve(socket))
      socket.once('close', () => resolve(null))
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}

export const subscribeMessage = (id: string, query: string, variables: object = {}): string =>
  JSON.stringify({ id, type: 'subscribe', payload: { query, variables } })
