import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from '../../core/logger.ts'
import type { Cluster } from './cluster.ts'
import { takeLease, type ServerLease } from './lease.ts'
import { findPostmaster, isServerOf } from './postmaster.ts'

const POLL_MS = 15
/** PostgreSQL's shutdown modes, each with its signal and time limit. */
const SHUTDOWNS = [
  { signal: 'SIGINT', kind: 'fast', timeoutMs: 30_000 },
  { signal: 'SIGQUIT', kind: 'immediate', timeoutMs: 10_000 },
] as const

/** Stops the server of a cluster and waits for its exit, unless another gateway has a lease on it. */
export async function shutDown(cluster: Cluster, held: ServerLease, log: Logger): Promise<void> {
  const server = await findPostmaster(cluster.dir)
  if (!server) return await held.close()
  const lease = held.lost.aborted && server.ready ? await takeLease(cluster, server.port, log).catch(() => held) : held
  try {
    // If the connection is lost, other gateways cannot use the server either.
    const alone = await lease.release().catch(() => true)
    if (alone) await endServer(server.pid, cluster.dir, log)
    log.info(
      { server: server.pid },
      alone ? 'stopped the database server' : 'left the database server running for another gateway',
    )
  } finally {
    await lease.close()
  }
}

/** Stops a server, first by a fast and then by an immediate shutdown, and waits for its exit. */
export async function endServer(pid: number, dir: string, log: Logger): Promise<void> {
  for (const { signal, kind, timeoutMs } of SHUTDOWNS) {
    log.debug({ server: pid }, `requesting a ${kind} shutdown of the database server`)
    const deadline = performance.now() + timeoutMs
    if (await isServerOf(dir, pid)) process.kill(pid, signal)
    while (performance.now() < deadline) {
      if (!(await isServerOf(dir, pid))) return
      await delay(POLL_MS)
    }
  }
  throw new Error(`The database server (pid ${pid}) does not stop`)
}
