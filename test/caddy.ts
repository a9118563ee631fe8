import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from './free-port.ts'
import { isMet } from './requirement.ts'
import { makeDirectory } from './scratch.ts'

/** Debian's path, unless `CADDY` is set. */
const CADDY = process.env['CADDY'] ?? '/usr/bin/caddy'

/** For `describe.runIf`: whether Caddy is available. */
export const caddyTests = isMet(existsSync(CADDY), 'CADDY TESTS', `there is no ${CADDY} (apt-get install caddy)`)

export interface Caddy {
  /** `http://127.0.0.1:port`. */
  readonly url: string
  close(): Promise<void>
}

/**
 * Starts a real Caddy with a configuration from the documents, without TLS.
 *
 * @param configuration - the site rtc.example.com, which forwards to 127.0.0.1:3000
 * @param gateway - replaces 127.0.0.1:3000
 */
export async function startCaddy(configuration: string, gateway: string): Promise<Caddy> {
  const directory = await makeDirectory('caddy')
  const url = `http://127.0.0.1:${await freePort()}`
  const site = configuration.replace('rtc.example.com', url).replace('127.0.0.1:3000', new URL(gateway).host)
  await writeFile(join(directory, 'Caddyfile'), `{\n\tadmin off\n}\n${site}`)
  const args = ['run', '--adapter', 'caddyfile', '--config', join(directory, 'Caddyfile')]
  const child = spawn(CADDY, args, {
    env: { HOME: directory, PATH: '/usr/bin:/bin' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const exited = once(child, 'exit')
  let output = ''
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  while (!(await fetch(url).catch(() => undefined))) {
    if (child.exitCode !== null) throw new Error(`Caddy exited:\n${output}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return {
    url,
    async close() {
      child.kill('SIGTERM')
      await exited
    },
  }
}
