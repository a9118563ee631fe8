import { type FailureCause, Unavailable } from '../core/failures.ts'
import { failureOf } from './failure.ts'
import type { PrismaClient } from './generated/prisma/client.ts'

export interface UnavailableOptions {
  /** Whether every connection is in use. */
  readonly isPoolBusy: () => boolean
  readonly report: (cause: FailureCause, error: unknown) => void
}

/** Converts an error to {@link Unavailable} and reports it if the database could not be used; returns others unchanged. */
export function unavailableFrom(error: unknown, { isPoolBusy, report }: UnavailableOptions): unknown {
  const reason = failureOf(error, isPoolBusy)
  if (!reason) return error
  report(reason, error)
  return new Unavailable(reason, 'The database cannot be reached', { cause: error, retryAfter: 1 })
}

/**
 * Extends a client so that every operation fails with {@link Unavailable} when the database cannot be used. Reports each
 * such failure.
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
    // A transaction can also fail outside its operations, when it begins or commits.
    client: { $transaction: (...args: unknown[]) => transaction(...args).catch(translate) },
  })
  if (!isClient(reporting)) throw new TypeError('an extended client lacks an operation')
  return reporting
}

/** Whether an extended client, whose type differs, has the operations that the gateway uses. */
const isClient = (extended: object): extended is PrismaClient =>
  ['$queryRaw', '$executeRaw', '$executeRawUnsafe', '$transaction'].every((operation) => operation in extended)
