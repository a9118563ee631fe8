import type { PrismaPg } from '@prisma/adapter-pg'

type Adapter = Awaited<ReturnType<PrismaPg['connect']>>
type Query = Parameters<Adapter['queryRaw']>[0]
type Queryable = Pick<Adapter, 'queryRaw' | 'executeRaw'>

/**
 * Makes the adapters of a factory send times with their zone. Otherwise the driver adapter would leave the zone to the
 * settings of the connection.
 */
export function withZonedTimes(factory: PrismaPg): PrismaPg {
  const connect = factory.connect.bind(factory)
  factory.connect = async () => {
    const adapter = zoning(await connect())
    const startTransaction = adapter.startTransaction.bind(adapter)
    adapter.startTransaction = async (isolation) => zoning(await startTransaction(isolation))
    return adapter
  }
  return factory
}

function zoning<T extends Queryable>(queryable: T): T {
  const queryRaw = queryable.queryRaw.bind(queryable)
  const executeRaw = queryable.executeRaw.bind(queryable)
  return Object.assign(queryable, {
    queryRaw: (query: Query) => queryRaw(zoned(query)),
    executeRaw: (query: Query) => executeRaw(zoned(query)),
  })
}

function zoned(query: Query): Query {
  const isTime = query.argTypes.map((type) => type.scalarType === 'datetime' && !type.dbType?.startsWith('TIME'))
  if (!isTime.includes(true) && !query.args.some((arg) => arg instanceof Date)) return query
  return {
    ...query,
    args: query.args.map((arg, index) => (arg instanceof Date || isTime[index] ? isoTime(arg) : arg)),
    argTypes: query.argTypes.map((type, index) => (isTime[index] ? { ...type, scalarType: 'string' } : type)),
  }
}

/** Formats a time, or each time of a list, as ISO 8601 in UTC. */
function isoTime(arg: unknown): unknown {
  if (Array.isArray(arg)) return arg.map(isoTime)
  if (arg instanceof Date) return arg.toISOString()
  return typeof arg === 'string' ? new Date(arg).toISOString() : arg
}
