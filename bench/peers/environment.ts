import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { jwtVerify } from 'jose'

/** The environment that the harness passes to every peer. */
export const DATABASE_URL = process.env['DATABASE_URL'] ?? ''
/** Connections to the database, equal to the gateway's. */
export const POOL = 10

const key = new TextEncoder().encode(process.env['JWT_SECRET'])

/**
 * Authenticates the user by the `Authorization` header.
 *
 * @throws Error without a valid token
 */
export async function authenticate(authorization: unknown): Promise<string> {
  const token = typeof authorization === 'string' ? /^Bearer (\S+)$/.exec(authorization)?.[1] : undefined
  if (token === undefined) throw new Error('UNAUTHENTICATED')
  const { payload } = await jwtVerify(token, key, { algorithms: ['HS256'], requiredClaims: ['exp', 'sub'] })
  return payload.sub ?? ''
}

/** Reports the server's address to the harness. */
export const announce = (url: string): void => void process.stdout.write(`${url}\n`)

/** Listens on a free port and reports the address. */
export async function listen(server: Server): Promise<void> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  announce(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
}
