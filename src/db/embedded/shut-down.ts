import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../../core/logger.ts'
import type { Cluster } from './cluster.ts'
import { takeLease, type ServerLease } from './lease.ts'
import { findPostmaster, isServerOf } from './postmaster.ts'

const POLL_MS = 15
/** What PostgreSQL means by its signals, and how long each may take. */
const SHUTDOWNS = [
  { signal: 'SIGINT', kind: 'fast', timeoutMs: 30_000 },
  { signal: 'SIGQUIT', kind: 'immediate', timeoutMs: 10_000 },
] as const

/** Stops the server of a cluster, unless another gateway has a claim on it, and waits for its end. */
export async function shutDown(cluster: Cluster, held: ServerLease, log: Logger): Promise<void> {
  const server = await findPostmaster(cluster.dir)
  if (!server) return await held.close()
  const lease = held.lost.aborted && server.ready ? await takeLease(cluster, server.port, log).catch(() => held) : held
  try {
    // Without a connection nobody can be asked, and nobody else can be using the server either.
    const alone = await lease.release().catch(() => true)
    if (alone) await endServer(server.pid, cluster.dir, log)
    log.info(
      { server: server.pid },
      alone ? 'stopped the database server' : 'left the database server to another gateway',
    )
  } finally {
    await lease.close()
  }
}

/** Ends a server of a data directory, the gentle way first, and waits for its end. */
export async function endServer(pid: number, dir: string, log: Logger): Promise<void> {
  for (const { signal, kind, timeoutMs } of SHUTDOWNS) {
    log.debug({ server: pid }, `asking the database server for a ${kind} shutdown`)
    const deadline = performance.now() + timeoutMs
    if (await isServerOf(dir, pid)) process.kill(pid, signal)
    while (performance.now() < deadline) {
      if (!(await isServerOf(dir, pid))) return
      await delay(POLL_MS)
    }
  }
  throw new Error(`The database server, process ${pid}, does not stop`)
}
