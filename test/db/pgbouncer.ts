import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../free-port.ts'
import { isMet } from '../requirement.ts'
import { query, waitUntil } from './data-dir.ts'

/** For `describe.runIf`: whether there is a PgBouncer. */
export const poolerTests = isMet(
  existsSync('/usr/sbin/pgbouncer'),
  'POOLER TESTS',
  '/usr/sbin/pgbouncer is not installed (apt-get install pgbouncer)',
)

export interface Pooler {
  /** The given URL, through the pooler. */
  readonly url: string
  stop(): Promise<void>
}

/** Starts PgBouncer in front of the server of a URL, with Debian's default settings except for `settings`. */
export async function startPgBouncer(target: string, settings: Record<string, string>): Promise<Pooler> {
  const { hostname, port, username, password } = new URL(target)
  const listenPort = await freePort()
  const dir = await mkdtemp(join(tmpdir(), 'rtc-pgbouncer-'))
  await chmod(dir, 0o755)
  const lines = {
    listen_addr: '127.0.0.1',
    listen_port: listenPort,
    unix_socket_dir: '',
    auth_type: 'any',
    ...settings,
  }
  const config = [
    '[databases]',
    `* = host=${hostname} port=${port} user=${decodeURIComponent(username)} password=${decodeURIComponent(password)}`,
    '[pgbouncer]',
    ...Object.entries(lines).map(([name, value]) => `${name} = ${value}`),
  ]
  const file = join(dir, 'pgbouncer.ini')
  await writeFile(file, config.join('\n'), { mode: 0o644 })
  // PgBouncer refuses to run as root.
  const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
  const child = spawn('/usr/sbin/pgbouncer', [file], { ...user, stdio: 'ignore' })
  const url = Object.assign(new URL(target), { host: `127.0.0.1:${listenPort}` }).href
  await waitUntil(() =>
    query(url, 'SELECT 1').then(
      () => true,
      () => false,
    ),
  )
  return {
    url,
    async stop() {
      const exited = once(child, 'exit')
      child.kill('SIGTERM')
      child.kill('SIGQUIT')
      await exited
      await rm(dir, { recursive: true })
    },
  }
}
