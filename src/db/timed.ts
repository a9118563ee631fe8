import type { PrismaPg } from '@prisma/adapter-pg'
import type { Observer } from '../core/observer.ts'

type Adapter = Awaited<ReturnType<PrismaPg['connect']>>
type Queryable = Pick<Adapter, 'queryRaw' | 'executeRaw'>

/** Reports the duration of every statement that the adapters of a factory send. Changes nothing if nobody observes it. */
export function withTimings(factory: PrismaPg, observer: Observer): PrismaPg {
  if (!observer.statement) return factory
  const connect = factory.connect.bind(factory)
  factory.connect = async () => {
    const adapter = timing(await connect(), observer)
    const startTransaction = adapter.startTransaction.bind(adapter)
    adapter.startTransaction = async (isolation) => timing(await startTransaction(isolation), observer)
    return adapter
  }
  return factory
}

function timing<T extends Queryable>(queryable: T, observer: Observer): T {
  const queryRaw = queryable.queryRaw.bind(queryable)
  const executeRaw = queryable.executeRaw.bind(queryable)
  return Object.assign(queryable, {
    queryRaw: (query: Parameters<Adapter['queryRaw']>[0]) => timed('prisma', queryRaw(query), observer),
    executeRaw: (query: Parameters<Adapter['executeRaw']>[0]) => timed('prisma', executeRaw(query), observer),
  })
}

/** Reports the statement when it has ended. */
export function timed<T>(kind: 'direct' | 'prisma', result: Promise<T>, observer: Observer): Promise<T> {
  const { statement } = observer
  if (!statement) return result
  const startedAt = performance.now()
  const report = (failed: boolean) => statement({ kind, failed, duration: performance.now() - startedAt })
  result.then(
    () => report(false),
    () => report(true),
  )
  return result
}
