import { readFile } from 'node:fs/promises'
import type { SpawnOptions } from 'node:child_process'
import type { Stats } from 'node:fs'
import { EmbeddedServerError } from './failure.ts'

/** A way to run PostgreSQL's programs, which refuse to run as root. */
export interface Launcher {
  /** For messages, such as `as root in a user namespace`. */
  readonly description: string
  /** The owner, outside a user namespace, of the files that the programs create. */
  readonly owner: { readonly uid: number; readonly gid: number }
  /** File, arguments and options for `spawn`. */
  command(binary: string, args: readonly string[]): [string, string[], SpawnOptions]
}

/** Excludes the gateway's environment, whose `PGDATA`, `PGOPTIONS` or locale could change the result. */
const env = { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C', TZ: 'UTC' }

const asOurselves = (uid: number, gid: number): Launcher => ({
  description: `as the user with uid ${uid}`,
  owner: { uid, gid },
  command: (binary, args) => [binary, [...args], { env }],
})

const asUser = (uid: number, gid: number): Launcher => ({
  ...asOurselves(uid, gid),
  command: (binary, args) => [binary, [...args], { env, uid, gid }],
})

/**
 * Inside the namespace the programs run as `uid`, outside as `owner`. So root keeps its access, for example to a home
 * directory of mode 700, and a user without a name gets one.
 */
const inNamespace = (uid: number, owner = { uid: 0, gid: 0 }): Launcher => ({
  description: `as ${owner.uid === 0 ? 'root' : `the user with uid ${owner.uid}`} in a user namespace`,
  owner,
  command: (binary, args) => [
    'unshare',
    ['--user', `--map-user=${uid}`, `--map-group=${uid}`, '--', binary, ...args],
    { env },
  ],
})

/** Users that may own the data files when root cannot, in order of preference. */
const SYSTEM_USERS = ['postgres', 'node', 'nobody']

/** The launchers that can create data files, in order of preference. */
export async function launchersForNewData(): Promise<Launcher[]> {
  const { uid, gid } = ourselves()
  const users = await systemUsers()
  if (uid !== 0) {
    // `initdb`, unlike `postgres`, requires its user to have a name; a uid assigned by OpenShift has none.
    const isNamed = [...users.values()].some((user) => user.uid === uid)
    return [asOurselves(uid, gid), ...(isNamed ? [] : [inNamespace(namespaceUser(users), { uid, gid })])]
  }
  const candidates = SYSTEM_USERS.flatMap((name) => users.get(name) ?? [])
  return [inNamespace(namespaceUser(users)), ...candidates.map((user) => asUser(user.uid, user.gid))]
}

/**
 * The launcher for existing data files, which runs programs as their owner.
 *
 * @throws EmbeddedServerError if this process runs neither as their owner nor as root
 */
export async function launcherForData(dir: string, { uid: owner, gid: group }: Stats): Promise<Launcher> {
  const { uid, gid } = ourselves()
  if (uid === 0) return owner === 0 ? inNamespace(namespaceUser(await systemUsers())) : asUser(owner, group)
  if (uid === owner) return asOurselves(uid, gid)
  throw new EmbeddedServerError(
    `${dir} belongs to the user with uid ${owner}, and this gateway runs with uid ${uid}. Run it as that user.`,
  )
}

function ourselves(): { uid: number; gid: number } {
  if (!process.getuid || !process.getgid) throw new EmbeddedServerError(`it does not run on ${process.platform}`)
  return { uid: process.getuid(), gid: process.getgid() }
}

interface SystemUser {
  readonly uid: number
  readonly gid: number
}

async function systemUsers(): Promise<Map<string, SystemUser>> {
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '')
  const users = passwd.split('\n').map((line) => {
    const [name = '', , uid, gid] = line.split(':')
    return [name, { uid: Number(uid), gid: Number(gid) }] as const
  })
  return new Map(users.filter(([, { uid, gid }]) => uid > 0 && gid > 0))
}

/** A uid with a name, which `initdb` requires. */
const namespaceUser = (users: Map<string, SystemUser>): number =>
  (users.get('nobody') ?? [...users.values()][0] ?? { uid: 1000 }).uid
