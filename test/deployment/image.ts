import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { isMet } from '../requirement.ts'
import { type Instruction, readDockerfile, readDockerignore, type Stage } from './dockerfile.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)

/** For `describe.runIf`: whether the tree of an image can be built and entered here. */
export const imageTests = isMet(
  process.getuid?.() === 0 &&
    spawnSync('unshare', ['--mount', 'sh', '-c', 'mount --bind /tmp /tmp']).status === 0 &&
    spawnSync('setpriv', ['--version']).status === 0 &&
    process.execPath.startsWith('/usr/'),
  'TESTS OF THE IMAGE',
  'they need root, mount namespaces, setpriv (apt-get install util-linux) and a Node.js in /usr',
)

/** A file tree built by the instructions of a Dockerfile, on the programs of this machine instead of the base image. */
export interface Image {
  /** The path of the tree. */
  readonly root: string
  readonly env: Readonly<Record<string, string>>
  readonly entrypoint: readonly string[]
  readonly command: readonly string[]
  readonly healthcheck: readonly string[]
  readonly user: string
  readonly workdir: string
}

/** Builds the last stage of the project's Dockerfile in `directory`, from the files that git knows. */
export async function buildImage(directory: string): Promise<Image> {
  const stages = await readDockerfile(join(ROOT, 'Dockerfile'))
  const context = await makeContext(join(directory, 'context'))
  const built = new Map<string | undefined, Image>()
  for (const [index, stage] of stages.entries()) {
    built.set(stage.name, await buildStage(stage, { root: join(directory, `stage-${index}`), context, built }))
  }
  const last = built.get(stages.at(-1)?.name)
  if (!last) throw new Error('the Dockerfile has no stage')
  return last
}

async function makeContext(context: string): Promise<string> {
  const isIgnored = await readDockerignore(join(ROOT, '.dockerignore'))
  const { stdout } = await run('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: ROOT })
  for (const file of stdout.split('\n').filter((name) => name && !isIgnored(name))) {
    await cp(join(ROOT, file), join(context, file)).catch((error: NodeJS.ErrnoException) => {
      // A file that is removed, but not committed as such.
      if (error.code !== 'ENOENT') throw error
    })
  }
  return context
}

interface Building {
  readonly root: string
  readonly context: string
  readonly built: ReadonlyMap<string | undefined, Image>
}

async function buildStage({ instructions }: Stage, building: Building): Promise<Image> {
  const { root } = building
  await makeBase(root)
  const image = { root, env: {}, entrypoint: [], command: [], healthcheck: [], user: 'root', workdir: '/' }
  let result: Image = image
  for (const instruction of instructions) result = await apply(instruction, result, building)
  return result
}

/** The directories of the base image; {@link enter} mounts this machine's programs into them. */
async function makeBase(root: string): Promise<void> {
  for (const name of ['usr', 'proc', 'dev', 'npm', 'etc/ssl']) await mkdir(join(root, name), { recursive: true })
  await mkdir(join(root, 'tmp'), { mode: 0o1777 })
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) await symlink(`usr/${name}`, join(root, name))
  await writeFile(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n')
  for (const name of ['resolv.conf', 'hosts', 'nsswitch.conf']) {
    await writeFile(join(root, 'etc', name), await readFile(`/etc/${name}`).catch(() => ''))
  }
}

async function apply({ keyword, text }: Instruction, image: Image, building: Building): Promise<Image> {
  const list = (json: string): string[] => JSON.parse(json) as string[]
  switch (keyword) {
    case 'WORKDIR':
      await mkdir(join(image.root, text), { recursive: true })
      return { ...image, workdir: text }
    case 'ENV': {
      const [name = '', value = ''] = text.split(/=(.*)/)
      return { ...image, env: { ...image.env, [name]: value } }
    }
    case 'COPY':
      await copy(text.split(/\s+/), image, building)
      return image
    case 'RUN':
      await runInStage(text, image)
      return image
    case 'USER':
      return { ...image, user: text }
    case 'ENTRYPOINT':
      return { ...image, entrypoint: list(text) }
    case 'CMD':
      return { ...image, command: list(text) }
    case 'HEALTHCHECK':
      return { ...image, healthcheck: list(text.replace(/^.*?\bCMD /, '')) }
    case 'EXPOSE':
    case 'STOPSIGNAL':
      return image
    default:
      throw new Error(`${keyword} is not known to this test`)
  }
}

async function copy(words: readonly string[], { root, workdir }: Image, { context, built }: Building): Promise<void> {
  const from = words.find((word) => word.startsWith('--from='))?.slice('--from='.length)
  const paths = words.filter((word) => !word.startsWith('--'))
  const target = paths.at(-1) ?? '.'
  const origin = from === undefined ? context : (built.get(from)?.root ?? '')
  for (const path of paths.slice(0, -1)) {
    const source = join(origin, path)
    const isFile = (await stat(source)).isFile()
    // Of a directory, its contents are copied.
    const into = join(root, resolve(workdir, target), isFile && /(^|\/)\.?\/?$/.test(target) ? path : '')
    await mkdir(dirname(into), { recursive: true })
    await cp(source, into, { recursive: true, verbatimSymlinks: true })
  }
}

async function runInStage(command: string, image: Image): Promise<void> {
  const { stdout: cache } = await run('npm', ['config', 'get', 'cache'])
  // The machine's cache and certificates spare and permit downloads; neither becomes part of the tree.
  const env = { ...downloads(), npm_config_cache: '/npm', npm_config_prefer_offline: 'true', HOME: '/tmp' }
  const child = enter({ ...image, user: 'root', env }, ['sh', '-c', command], { cache: cache.trim() })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
  }
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`RUN ${command} ended with ${code}:\n${output}`)
}

const downloads = (): Record<string, string> =>
  Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      value !== undefined && /^(npm_config_|https?_proxy$|no_proxy$|NODE_EXTRA_CA_CERTS$|SSL_CERT_)/i.test(name)
        ? [[name, value]]
        : [],
    ),
  )

export interface EnterOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Mounted at `/npm`; otherwise the whole tree is read-only except `/tmp`. */
  readonly cache?: string
}

/**
 * Runs a program in the tree of an image. Without a cache, as a container with a read-only root file system: as the image's
 * user, without capabilities, on an empty `/tmp`.
 */
export function enter(image: Image, argv: readonly string[], { env = {}, cache }: EnterOptions = {}): ChildProcess {
  const { root, workdir } = image
  const mounts = [
    `mount --bind '${root}' '${root}'`,
    `mount --rbind -o ro /usr '${root}/usr'`,
    `mount --rbind -o ro /proc '${root}/proc'`,
    `mount --rbind /dev '${root}/dev'`,
    `mount --bind -o ro /etc/ssl '${root}/etc/ssl'`,
    cache === undefined
      ? `mount -o remount,bind,ro '${root}' && mount -t tmpfs -o mode=1777 tmpfs '${root}/tmp'`
      : `mount --bind '${cache}' '${root}/npm'`,
  ]
  const [uid, gid] = image.user === 'root' ? [0, 0] : [1000, 1000]
  const privileges = ['--reuid', uid, '--regid', gid, '--clear-groups', '--no-new-privs', '--bounding-set=-all']
  const inside = ['setpriv', ...privileges, '--', 'sh', '-c', `cd '${workdir}' && exec "$@"`, 'sh', ...argv]
  const script = `set -e; ${mounts.join('; ')}; exec chroot '${root}' "$@"`
  return spawn('unshare', ['--mount', 'sh', '-c', script, 'sh', ...inside.map(String)], {
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...image.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}
