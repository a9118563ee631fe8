import { expect } from 'vitest'
import { RtcError } from '../../src/core/errors.ts'
import type { Database } from '../../src/db/client.ts'

/** One operation of every kind in Prisma. */
const operations = ({ prisma }: Database): Record<string, () => Promise<unknown>> => ({
  model: () => prisma.room.findMany(),
  'raw query': () => prisma.$queryRaw`SELECT 1`,
  'raw statement': () => prisma.$executeRaw`UPDATE "Room" SET seq = 1 WHERE false`,
  batch: () => prisma.$transaction([prisma.room.count(), prisma.$queryRaw`SELECT 1`]),
  transaction: () => prisma.$transaction(async (transaction) => transaction.room.count()),
})

export const UNAVAILABLE = { name: 'RtcError', code: 'UNAVAILABLE', retryAfter: 1, cause: expect.any(Error) }

/** The code of each operation's error, or `late` for one that has taken more than 5 seconds. */
export async function outcomes(database: Database): Promise<Record<string, unknown>> {
  const entries = Object.entries(operations(database)).map(async ([name, operation]) => {
    const began = performance.now()
    const code = await operation().then(
      () => 'OK',
      (error: unknown) => (error instanceof RtcError ? error.code : error),
    )
    return [name, performance.now() - began > 5000 ? `late: ${String(code)}` : code] as const
  })
  return Object.fromEntries(await Promise.all(entries))
}

export const all = (code: string) => Object.fromEntries(OPERATIONS.map((name) => [name, code]))
const OPERATIONS = ['model', 'raw query', 'raw statement', 'batch', 'transaction']
