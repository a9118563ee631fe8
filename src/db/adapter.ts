import { PrismaPg } from '@prisma/adapter-pg'
import type pg from 'pg'
import { RtcError } from '../core/errors.ts'

type Adapter = Awaited<ReturnType<PrismaPg['connect']>>
type Queryable = Pick<Adapter, 'queryRaw' | 'executeRaw'>
type OnStatement = ((sql: string) => void) | undefined

/**
 * Prisma's driver adapter, except that an unreachable database is an `RtcError`, which Prisma passes on as it is.
 * Everything that Prisma sends goes through here: models, raw SQL and transactions.
 */
export function createAdapter(pool: pg.Pool, onStatement?: (sql: string) => void): PrismaPg {
  const factory = new PrismaPg(pool)
  const connect = factory.connect.bind(factory)
  factory.connect = async () => {
    const adapter = observe(await connect(), onStatement)
    const start = adapter.startTransaction.bind(adapter)
    adapter.startTransaction = async (isolation) => observe(await start(isolation).catch(fail), onStatement)
    return adapter
  }
  return factory
}

function observe<T extends Queryable>(queryable: T, onStatement: OnStatement): T {
  const queryRaw = queryable.queryRaw.bind(queryable)
  const executeRaw = queryable.executeRaw.bind(queryable)
  queryable.queryRaw = (query) => {
    onStatement?.(query.sql)
    return queryRaw(query).catch(fail)
  }
  queryable.executeRaw = (query) => {
    onStatement?.(query.sql)
    return executeRaw(query).catch(fail)
  }
  return queryable
}

/** @throws RtcError UNAVAILABLE when that is what the error means, and otherwise the error */
function fail(error: unknown): never {
  if (!meansUnreachable(error)) throw error
  throw new RtcError('UNAVAILABLE', 'The database cannot be reached', { cause: error, retryAfter: 1 })
}

/** What the adapter makes of an error: of the server, with its SQLSTATE, or of the socket. */
interface AdapterError extends Error {
  readonly cause: { readonly kind: string; readonly originalCode?: string }
}

const SOCKET_ERRORS = new Set(['DatabaseNotReachable', 'ConnectionClosed', 'SocketTimeout', 'TlsConnectionError'])

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
  if (!(error instanceof Error)) return false
  if (isAdapterError(error)) {
    const { kind, originalCode } = error.cause
    return originalCode ? REFUSALS.some((prefix) => originalCode.startsWith(prefix)) : SOCKET_ERRORS.has(kind)
  }
  // Neither the server nor the adapter has named it: `pg` says so, without a code, when it has lost or found no connection.
  return error.name === 'Error' || error instanceof AggregateError
}

const isAdapterError = (error: Error): error is AdapterError => error.name === 'DriverAdapterError'
