import { RtcError } from '../core/errors.ts'
import { Prisma, type PrismaClient } from './generated/prisma/client.ts'

/**
 * The same client, except that whatever it does fails with an `RtcError` of code UNAVAILABLE when the database
 * cannot be reached.
 */
export function reportUnavailable(client: PrismaClient): PrismaClient {
  const operations = client.$extends({
    query: { $allOperations: ({ args, query }) => query(args).catch(translate) },
  })
  const transaction = operations.$transaction.bind(operations) as (...args: unknown[]) => Promise<unknown>
  const reporting = operations.$extends({
    // A transaction may fail between its operations: when it begins and when it commits.
    client: { $transaction: (...args: unknown[]) => transaction(...args).catch(translate) },
  })
  // Neither extension changes what can be called.
  return reporting as unknown as PrismaClient
}

/** @throws RtcError UNAVAILABLE when that is what the error means, and otherwise the error */
function translate(error: unknown): never {
  if (!meansUnreachable(error)) throw error
  throw new RtcError('UNAVAILABLE', 'The database cannot be reached', { cause: error, retryAfter: 1 })
}

/** What the driver adapter makes of an error: of the server, with its SQLSTATE, or of the socket. */
interface AdapterCause {
  readonly kind?: string
  readonly originalCode?: string
}

const SOCKET_ERRORS = new Set(['DatabaseNotReachable', 'ConnectionClosed', 'SocketTimeout', 'TlsConnectionError'])

/** Codes of Node.js, such as ENETUNREACH, that the adapter does not know and Prisma passes off as its own. */
const SYSTEM_ERROR = /^(E(?!RR_)|ERR_(SSL|TLS|SOCKET|STREAM)_)/

/**
 * SQLSTATEs, or classes of them, with which a server turns us away.
 *
 * @see https://www.postgresql.org/docs/18/errcodes-appendix.html
 */
const REFUSALS = [
  '08', // connection exception
  '25006', // read-only: a standby, while another server becomes the primary
  '28', // invalid authorization
  '3D000', // no such database
  '53', // out of connections, memory or disk
  '57014', // the statement has timed out
  '57P', // shutting down, crashed or starting
]

function meansUnreachable(error: unknown): boolean {
  if (error instanceof Prisma.PrismaClientKnownRequestError) {
    const { kind = '', originalCode } = adapterCause(error)
    if (originalCode) return REFUSALS.some((prefix) => originalCode.startsWith(prefix))
    return SOCKET_ERRORS.has(kind) || SYSTEM_ERROR.test(error.code)
  }
  // Neither the server, nor the adapter, nor Prisma has named it: so `pg` says that it has lost or found no connection.
  return error instanceof Error && error.name === 'Error'
}

const adapterCause = ({ meta }: Prisma.PrismaClientKnownRequestError): AdapterCause =>
  (meta?.['driverAdapterError'] as { cause?: AdapterCause } | undefined)?.cause ?? {}
