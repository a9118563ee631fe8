import type { PrismaPg } from '@prisma/adapter-pg'

type Adapter = Awaited<ReturnType<PrismaPg['connect']>>
type Query = Parameters<Adapter['queryRaw']>[0]
type Queryable = Pick<Adapter, 'queryRaw' | 'executeRaw'>

/**
 * The same factory of adapters, except that times are sent with their zone. The driver adapter itself would leave the
 * zone to the settings of the connection.
 */
export function sendingZones(factory: PrismaPg): PrismaPg {
  const connect = factory.connect.bind(factory)
  factory.connect = async () => {
    const adapter = sending(await connect())
    const startTransaction = adapter.startTransaction.bind(adapter)
    adapter.startTransaction = async (isolation) => sending(await startTransaction(isolation))
    return adapter
  }
  return factory
}

function sending<T extends Queryable>(queryable: T): T {
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
    args: query.args.map((arg, index) => (arg instanceof Date || isTime[index] ? written(arg) : arg)),
    argTypes: query.argTypes.map((type, index) => (isTime[index] ? { ...type, scalarType: 'string' } : type)),
  }
}

/** ISO 8601 in UTC; lists item by item. */
function written(arg: unknown): unknown {
  if (Array.isArray(arg)) return arg.map(written)
  if (arg instanceof Date) return arg.toISOString()
  return typeof arg === 'string' ? new Date(arg).toISOString() : arg
}
