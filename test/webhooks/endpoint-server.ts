import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createConditions } from '../conditions.ts'

/** One request as an endpoint received it. */
export interface ReceivedRequest {
  readonly headers: IncomingHttpHeaders
  /** The raw body. */
  readonly body: string
  readonly message: ReceivedMessage
}

export interface ReceivedMessage {
  readonly type: string
  readonly timestamp: string
  // Bodies are untyped; tests assert their shapes.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly data: any
}

export interface Reply {
  readonly status: number
  readonly headers?: Record<string, string>
}

/** A webhook endpoint on loopback that records what it receives. */
export interface EndpointServer {
  readonly url: string
  /** All requests, whatever they were answered. */
  readonly requests: readonly ReceivedRequest[]
  /** Requests that were answered with 2xx. */
  readonly accepted: readonly ReceivedRequest[]
  /** Resolves when the condition holds, which is checked after each response. */
  until(holds: () => boolean): Promise<void>
  close(): Promise<void>
}

type Behaviour = (request: ReceivedRequest) => Reply | Promise<Reply>

export async function startEndpoint(behave: Behaviour = () => ({ status: 204 })): Promise<EndpointServer> {
  const [requests, accepted]: [ReceivedRequest[], ReceivedRequest[]] = [[], []]
  const conditions = createConditions()
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const body = Buffer.concat(chunks).toString()
      const received = { headers: request.headers, body, message: JSON.parse(body) as ReceivedMessage }
      requests.push(received)
      const { status, headers = {} } = await behave(received)
      if (status >= 200 && status < 300) accepted.push(received)
      response.writeHead(status, headers).end()
      conditions.check()
    })()
  })
  // Longer than the sender keeps a connection, so that it never sends on one that is being closed.
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    requests,
    accepted,
    until: conditions.until,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** The numbers of a room's accepted events, without messages about calls. */
export const seqsOf = ({ accepted }: Pick<EndpointServer, 'accepted'>, roomId: string): number[] =>
  accepted
    .filter(({ message: { type, data } }) => data.roomId === roomId && !type.startsWith('call.'))
    .map(({ message }) => message.data.seq)
