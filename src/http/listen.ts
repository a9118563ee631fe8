import { once } from 'node:events'
import type { Server } from 'node:http'
import { type AddressInfo, createServer, type Server as NetServer } from 'node:net'

/** The gateway cannot listen. The message is one sentence for the operator, which names the variable. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
}

export interface ListenOptions {
  /** Undefined: all addresses, or with `loopbackOnly` the loopback addresses. */
  readonly host: string | undefined
  readonly loopbackOnly: boolean
  /** 0 picks a free port. */
  readonly port: number
  /** The variables that messages name. @default HOST and PORT */
  readonly names?: { readonly host: string; readonly port: string }
}

/**
 * Connections that wait to be accepted, such as those of all clients of a node that has gone. The operating system may lower
 * it (`net.core.somaxconn`, 4096 in Linux); a client beyond it tries again after a second.
 */
const BACKLOG = 4096

const NAMES = { host: 'HOST', port: 'PORT' }

/**
 * Listens on IPv4 and, where available, on IPv6, because clients resolve `localhost` to `127.0.0.1` or to `::1`.
 *
 * @returns a function that closes the second listener, if any, and waits for its connections
 * @throws ListenError
 */
export async function listen(server: Server, options: ListenOptions): Promise<() => Promise<void>> {
  try {
    return await listenAt(server, options)
  } catch (error) {
    throw new ListenError(reasonOf(error, options), { cause: error })
  }
}

function reasonOf(
  error: unknown,
  { host = '', port, names: { host: HOST, port: PORT } = NAMES }: ListenOptions,
): string {
  const message = error instanceof Error ? error.message : String(error)
  if (hasCode(error, 'EADDRINUSE')) {
    return `${PORT}: port ${port} is in use (${message}); choose another port or stop the process that listens on it`
  }
  if (hasCode(error, 'EACCES')) {
    return `${PORT}: this user may not listen on port ${port} (${message}); choose a port of 1024 or more`
  }
  if (hasCode(error, 'EADDRNOTAVAIL')) return `${HOST}: ${host} is not an address of this machine (${message})`
  return `${HOST}: the gateway cannot listen on ${host || 'any address'} (${message})`
}

async function listenAt(server: Server, { host, loopbackOnly, port }: ListenOptions): Promise<() => Promise<void>> {
  if (host === undefined && loopbackOnly) return await listenOnLoopback(server, port)
  // Without a host, Node.js listens on `::` for IPv4 and IPv6, or on `0.0.0.0` where IPv6 is not available.
  server.listen({ port, backlog: BACKLOG, ...(host !== undefined && { host }) })
  await once(server, 'listening')
  return () => Promise.resolve()
}

async function listenOnLoopback(server: Server, port: number): Promise<() => Promise<void>> {
  await once(server.listen({ port, host: '127.0.0.1', backlog: BACKLOG }), 'listening')
  const { port: chosen } = server.address() as AddressInfo
  // A server listens on one address only; a second listener passes its connections to the server.
  const second = createServer((socket) => server.emit('connection', socket))
  try {
    await once(second.listen({ port: chosen, host: '::1', ipv6Only: true, backlog: BACKLOG }), 'listening')
  } catch (error) {
    // Continue without IPv6 if it is not available, or if the port that the system picked for IPv4 is in use there.
    if (hasCode(error, 'EADDRINUSE') && port !== 0) {
      server.close()
      throw error
    }
    return () => Promise.resolve()
  }
  return () => closed(second)
}

async function closed(server: NetServer): Promise<void> {
  await new Promise((resolve) => server.close(resolve))
}

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code
