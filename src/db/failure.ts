import type { FailureCause } from '../core/failures.ts'
import pg from 'pg'
import { Prisma } from './generated/prisma/client.ts'

/** The driver adapter's description of an error: of the server, with its SQLSTATE, or of the socket. */
interface AdapterCause {
  readonly kind?: string
  readonly originalCode?: string
}

const SOCKET_ERRORS = new Set(['DatabaseNotReachable', 'ConnectionClosed', 'TlsConnectionError'])

/** Node.js error codes, such as ENETUNREACH, that the adapter does not know and Prisma reports as its own. */
const SYSTEM_ERROR = /^(E(?!RR_)|ERR_(SSL|TLS|SOCKET|STREAM)_)/

/**
 * SQLSTATEs, or their classes, that mean that the database cannot be used; the first matching prefix applies.
 *
 * @see https://www.postgresql.org/docs/18/errcodes-appendix.html
 */
const REFUSALS: readonly (readonly [prefix: string, cause: FailureCause])[] = [
  ['08', 'database_unreachable'], // connection exception
  ['25006', 'database_read_only'], // a standby, while another server becomes the primary
  ['28', 'database_refused'], // invalid authorization specification
  ['3D000', 'database_refused'], // no such database
  ['40', 'database_conflict'], // transaction rollback, for example because of a deadlock
  ['53100', 'disk_full'],
  ['53', 'database_overloaded'], // out of connections or memory
  ['55P03', 'database_timeout'], // lock timeout
  ['57014', 'database_timeout'], // statement timeout
  ['57P', 'database_unreachable'], // shutting down, crashed or starting
]

/** The message of `pg`, which has no code, when a query exceeds `query_timeout`. */
const QUERY_TIMEOUT = 'Query read timeout'

/**
 * The reason why an operation of Prisma or `pg` could not use the database; undefined if it failed for another reason.
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
  // An error without a code comes from `pg` itself: the connection was lost, or none was available.
  if (!(error instanceof Error) || error.name !== 'Error') return undefined
  if (error.message === QUERY_TIMEOUT) return 'database_timeout'
  return isPoolBusy() ? 'pool_exhausted' : 'database_unreachable'
}

const refusalBy = (code: string): FailureCause | undefined => REFUSALS.find(([prefix]) => code.startsWith(prefix))?.[1]

const adapterCause = ({ meta }: Prisma.PrismaClientKnownRequestError): AdapterCause =>
  (meta?.['driverAdapterError'] as { cause?: AdapterCause } | undefined)?.cause ?? {}
