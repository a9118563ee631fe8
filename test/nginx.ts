import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.ts'
import { isMet } from './requirement.ts'

/** Debian's path, unless `NGINX` is set. */
const NGINX = process.env['NGINX'] ?? '/usr/sbin/nginx'

/** For `describe.runIf`: whether nginx is available. */
export const nginxTests = isMet(existsSync(NGINX), 'NGINX TESTS', `there is no ${NGINX} (apt-get install nginx)`)

export interface Nginx {
  /** `http://127.0.0.1:port`. */
  readonly url: string
  close(): Promise<void>
}

/**
 * Starts a real nginx with a configuration from the documents.
 *
 * @param configuration - for the `http` context; it listens on port 8080 and forwards to 127.0.0.1:3000
 * @param gateway - replaces 127.0.0.1:3000
 */
export async function startNginx(configuration: string, gateway: string): Promise<Nginx> {
  const directory = await mkdtemp(join(tmpdir(), 'rtc-nginx-'))
  const port = await freePort()
  const server = configuration
    .replace('listen 8080;', `listen 127.0.0.1:${port};`)
    .replace('127.0.0.1:3000', new URL(gateway).host)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${join(directory, name)};`,
  )
  await writeFile(
    join(directory, 'nginx.conf'),
    `daemon off; worker_processes 1; pid ${join(directory, 'pid')}; error_log stderr warn;
     ${process.getuid?.() === 0 ? 'user root;' : ''}
     events { worker_connections 256; }
     http { access_log off; ${temporary.join(' ')}\n${server}\n}`,
  )
  await mkdir(join(directory, 'logs'))
  const child = spawn(NGINX, ['-p', directory, '-c', join(directory, 'nginx.conf')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const exited = once(child, 'exit')
  const url = `http://127.0.0.1:${port}`
  await waitForResponse(url, child)
  return {
    url,
    async close() {
      child.kill('SIGTERM')
      await exited
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function waitForResponse(url: string, child: ChildProcess): Promise<void> {
  let output = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  for (;;) {
    if (child.exitCode !== null) throw new Error(`nginx exited:\n${output}`)
    const answer = await fetch(url).catch(() => undefined)
    if (answer) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
