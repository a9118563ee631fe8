import { type FailureCause, Unavailable } from '../core/failures.ts'
import { failureOf } from './failure.ts'
import type { PrismaClient } from './generated/prisma/client.ts'

export interface UnavailableOptions {
  /** Whether every connection is in use. */
  readonly isPoolBusy: () => boolean
  readonly report: (cause: FailureCause, error: unknown) => void
}

/** The error as it is, or {@link Unavailable} if the database could not be used, which is reported. */
export function unavailableFrom(error: unknown, { isPoolBusy, report }: UnavailableOptions): unknown {
  const reason = failureOf(error, isPoolBusy)
  if (!reason) return error
  report(reason, error)
  return new Unavailable(reason, 'The database cannot be reached', { cause: error, retryAfter: 1 })
}

/**
 * The same client, except that whatever it does fails with {@link Unavailable} when the database cannot be used. Each
 * such failure is reported.
 */
export function reportUnavailable(client: PrismaClient, options: UnavailableOptions): PrismaClient {
  const translate = (error: unknown): never => {
    throw unavailableFrom(error, options)
  }
  const operations = client.$extends({
    query: { $allOperations: ({ args, query }) => query(args).catch(translate) },
  })
  const transaction = operations.$transaction.bind(operations) as (...args: unknown[]) => Promise<unknown>
  const reporting = operations.$extends({
    // A transaction may fail between its operations: when it begins and when it commits.
    client: { $transaction: (...args: unknown[]) => transaction(...args).catch(translate) },
  })
  if (!isClient(reporting)) throw new TypeError('an extended client lacks an operation')
  return reporting
}

/** Whether an extended client, whose type differs, can do what the gateway asks of a client. */
const isClient = (extended: object): extended is PrismaClient =>
  ['$queryRaw', '$executeRaw', '$executeRawUnsafe', '$transaction'].every((operation) => operation in extended)
