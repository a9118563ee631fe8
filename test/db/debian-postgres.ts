import { execFile, spawn } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { chown, readFile } from 'node:fs/promises'
import { once } from 'node:events'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '../free-port.ts'
import { isMet } from '../requirement.ts'
import { makeDirectory } from '../scratch.ts'

const run = promisify(execFile)
const VERSIONS = '/usr/lib/postgresql'

/** The programs of the newest PostgreSQL that Debian has installed; empty if there is none. */
const [bin = ''] = existsSync(VERSIONS)
  ? readdirSync(VERSIONS)
      .toSorted((a, b) => Number(b) - Number(a))
      .map((version) => join(VERSIONS, version, 'bin'))
      .filter((directory) => existsSync(join(directory, 'initdb')))
  : []

/** For `describe.runIf`: whether a PostgreSQL with its tools is installed, unlike the embedded one, which has none. */
export const debianPostgresTests = isMet(
  bin !== '',
  'BACKUP TESTS',
  'there is no PostgreSQL with pg_dump in /usr/lib/postgresql (apt-get install postgresql)',
)

export interface DebianPostgres {
  /** The address of a database `rtc`. */
  readonly url: string
  /** The directory of `psql`, `pg_dump` and `pg_restore`. */
  readonly bin: string
  stop(): Promise<void>
}

/** Starts a server on a free port of the loopback interface. */
export async function startDebianPostgres(): Promise<DebianPostgres> {
  const directory = await makeDirectory('postgres')
  const data = join(directory, 'data')
  // PostgreSQL refuses to run as root; Debian's package has created this user.
  const isRoot = process.getuid?.() === 0
  const [, uid = '', gid = ''] = /^postgres:\w*:(\d+):(\d+):/m.exec(await readFile('/etc/passwd', 'utf8')) ?? []
  if (isRoot) await chown(directory, Number(uid), Number(gid))
  const user = isRoot ? { uid: Number(uid), gid: Number(gid) } : {}
  const flags = ['--username=rtc', '--auth=trust', '--encoding=UTF8', '--locale=C']
  await run(join(bin, 'initdb'), ['-D', data, ...flags], { ...user, cwd: directory })
  const port = await freePort()
  const settings = [`port=${port}`, 'listen_addresses=127.0.0.1', `unix_socket_directories=${directory}`, 'fsync=off']
  const server = spawn(join(bin, 'postgres'), ['-D', data, ...settings.flatMap((setting) => ['-c', setting])], {
    ...user,
    cwd: directory,
    stdio: 'ignore',
  })
  const exited = once(server, 'exit')
  const connection = ['--host=127.0.0.1', `--port=${port}`, '--username=rtc']
  const isReady = async () => {
    while (server.exitCode === null) {
      if (
        await run(join(bin, 'createdb'), [...connection, 'rtc']).then(
          () => true,
          () => false,
        )
      )
        return
    }
    throw new Error(`PostgreSQL ended with ${server.exitCode}`)
  }
  await isReady()
  return {
    url: `postgresql://rtc@127.0.0.1:${port}/rtc`,
    bin,
    async stop() {
      server.kill('SIGINT')
      await exited
    },
  }
}
