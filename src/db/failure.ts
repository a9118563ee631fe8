import type { FailureCause } from '../core/failures.ts'
import pg from 'pg'
import { Prisma } from './generated/prisma/client.ts'

/** What the driver adapter makes of an error: of the server, with its SQLSTATE, or of the socket. */
interface AdapterCause {
  readonly kind?: string
  readonly originalCode?: string
}

const SOCKET_ERRORS = new Set(['DatabaseNotReachable', 'ConnectionClosed', 'TlsConnectionError'])

/** Codes of Node.js, such as ENETUNREACH, that the adapter does not know and Prisma passes off as its own. */
const SYSTEM_ERROR = /^(E(?!RR_)|ERR_(SSL|TLS|SOCKET|STREAM)_)/

/**
 * SQLSTATEs, or classes of them, with which a server turns us away; the first that fits counts.
 *
 * @see https://www.postgresql.org/docs/18/errcodes-appendix.html
 */
const REFUSALS: readonly (readonly [prefix: string, cause: FailureCause])[] = [
  ['08', 'database_unreachable'], // connection exception
  ['25006', 'database_read_only'], // a standby, while another server becomes the primary
  ['28', 'database_refused'], // invalid authorization
  ['3D000', 'database_refused'], // no such database
  ['53100', 'disk_full'],
  ['53', 'database_overloaded'], // out of connections or memory
  ['57014', 'database_timeout'], // the statement has timed out
  ['57P', 'database_unreachable'], // shutting down, crashed or starting
]

/** What `pg` says, without a code, when the server does not answer a query within `query_timeout`. */
const QUERY_TIMEOUT = 'Query read timeout'

/**
 * Why an operation of Prisma, or a statement of `pg`, could not use the database; undefined when it could, and failed for another reason.
 *
 * @param isPoolBusy whether every connection is in use
 */
export function failureOf(error: unknown, isPoolBusy: () => boolean): FailureCause | undefined {
  if (error instanceof Prisma.PrismaClientKnownRequestError) {
    const { kind = '', originalCode } = adapterCause(error)
    if (originalCode) return refusalBy(originalCode)
    if (kind === 'SocketTimeout') return 'database_timeout'
    return SOCKET_ERRORS.has(kind) || SYSTEM_ERROR.test(error.code) ? 'database_unreachable' : undefined
  }
  if (error instanceof pg.DatabaseError) return error.code ? refusalBy(error.code) : undefined
  if (error instanceof Error && 'code' in error && typeof error.code === 'string' && SYSTEM_ERROR.test(error.code)) {
    return 'database_unreachable'
  }
  // Neither the server, nor the adapter, nor Prisma has named it: so `pg` says that it has lost or found no connection.
  if (!(error instanceof Error) || error.name !== 'Error') return undefined
  if (error.message === QUERY_TIMEOUT) return 'database_timeout'
  return isPoolBusy() ? 'pool_exhausted' : 'database_unreachable'
}

const refusalBy = (code: string): FailureCause | undefined => REFUSALS.find(([prefix]) => code.startsWith(prefix))?.[1]

const adapterCause = ({ meta }: Prisma.PrismaClientKnownRequestError): AdapterCause =>
  (meta?.['driverAdapterError'] as { cause?: AdapterCause } | undefined)?.cause ?? {}
