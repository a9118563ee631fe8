import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, open, rename, stat } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import type { Cluster } from './cluster.ts'

/** A server spawned by this process; it keeps running when this process exits. */
export interface ServerProcess {
  readonly pid: number | undefined
  /** Whether it has exited or could not be started. */
  hasEnded(): boolean
  /** Its output since it was spawned. */
  output(): Promise<string>
}

/** Server settings by name, as in `postgresql.conf`. */
export type Settings = Readonly<Record<string, string>>

const SETTINGS: Settings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '100',
  cluster_name: 'rtc-gateway',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
  // Statements contain personal data; the gateway logs its own failures.
  log_min_error_statement: 'panic',
}

/** Size at which the log is rotated when a server starts. */
const LOG_MAX_BYTES = 10 * 1024 * 1024

/** Spawns a server on a free port. Appends its output to `logFile`. */
export async function spawnServer(
  cluster: Cluster,
  options: { postgres: string; logFile: string; settings: Settings | undefined },
): Promise<ServerProcess> {
  const settings = { ...SETTINGS, port: String(await freePort()), ...options.settings }
  const flags = Object.entries(settings).map(([name, value]) => `--${name}=${value}`)
  const [file, args, spawnOptions] = cluster.launcher.command(options.postgres, ['-D', cluster.dir, ...flags])
  const log = await openLog(options.logFile, cluster)
  try {
    const { size: start } = await log.stat()
    // In a process group of its own, so that Ctrl-C reaches only the gateway, which stops the database last.
    const stdio = ['ignore', log.fd, log.fd] as const
    const child = spawn(file, args, { ...spawnOptions, cwd: cluster.dir, detached: true, stdio: [...stdio] })
    child.unref()
    let failure: Error | undefined
    child.on('error', (error) => {
      failure = error
    })
    return {
      pid: child.pid,
      hasEnded: () => failure !== undefined || child.exitCode !== null || child.signalCode !== null,
      output: async () => failure?.message ?? (await readFrom(options.logFile, start)),
    }
  } finally {
    await log.close()
  }
}

async function openLog(path: string, { launcher }: Cluster) {
  const { size } = await stat(path).catch(() => ({ size: 0 }))
  if (size > LOG_MAX_BYTES) await rename(path, `${path}.old`)
  const log = await open(path, 'a', 0o600)
  // If root starts the gateway, the owner of the data must still be able to write the log later.
  if (process.getuid?.() !== launcher.owner.uid) await chown(path, launcher.owner.uid, launcher.owner.gid)
  return log
}

async function readFrom(path: string, start: number): Promise<string> {
  const log = await open(path)
  try {
    const { size } = await log.stat()
    const { buffer } = await log.read(Buffer.alloc(Math.max(size - start, 0)), 0, undefined, start)
    return buffer.toString()
  } finally {
    await log.close()
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
