import { once } from 'node:events'
import type { Server } from 'node:http'
import { type AddressInfo, createServer, type Server as NetServer } from 'node:net'

export interface ListenOptions {
  /** Undefined: every address, or only the loopback ones. */
  readonly host: string | undefined
  readonly loopbackOnly: boolean
  /** 0 picks a free port. */
  readonly port: number
}

/**
 * Listens by IPv4 and, where the system has it, by IPv6: `localhost` is `::1` for some clients and `127.0.0.1` for others.
 *
 * @returns closes what listens beside the server itself, and waits for its connections
 */
export async function listen(
  server: Server,
  { host, loopbackOnly, port }: ListenOptions,
): Promise<() => Promise<void>> {
  if (host === undefined && loopbackOnly) return await listenOnLoopback(server, port)
  // Without a host, Node.js listens on `::` for both, or on `0.0.0.0` where there is no IPv6.
  server.listen({ port, ...(host !== undefined && { host }) })
  await once(server, 'listening')
  return () => Promise.resolve()
}

async function listenOnLoopback(server: Server, port: number): Promise<() => Promise<void>> {
  await once(server.listen(port, '127.0.0.1'), 'listening')
  const { port: chosen } = server.address() as AddressInfo
  // A server listens on one address; the connections of the other are handed to it.
  const beside = createServer((socket) => server.emit('connection', socket))
  try {
    await once(beside.listen({ port: chosen, host: '::1', ipv6Only: true }), 'listening')
  } catch (error) {
    // Without IPv6 there is nothing to listen on. A port that was picked may be taken there; one that was asked for may not.
    if (hasCode(error, 'EADDRINUSE') && port !== 0) {
      server.close()
      throw error
    }
    return () => Promise.resolve()
  }
  return () => closed(beside)
}

async function closed(server: NetServer): Promise<void> {
  await new Promise((resolve) => server.close(resolve))
}

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code
