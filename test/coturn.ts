import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Network, networkTests } from './network.ts'
import { isMet } from './requirement.ts'

/** Debian's path, unless `TURNSERVER` is set. */
const TURNSERVER = process.env['TURNSERVER'] ?? '/usr/bin/turnserver'

/** For `describe.runIf`: whether a TURN server can run in its own network. */
export const relayTests =
  networkTests && isMet(existsSync(TURNSERVER), 'TURN TESTS', `there is no ${TURNSERVER} (apt-get install coturn)`)

export interface TurnServer {
  /** For `TURN_URLS`. */
  readonly url: string
  /** For `TURN_SECRET`. */
  readonly secret: string
  /** Its log so far. */
  output(): string
  close(): Promise<void>
}

const PORT = 3478

const SECRET = 'the secret that coturn shares with the gateway'

const CONFIGURATION = `
listening-port=${PORT}
use-auth-secret
static-auth-secret=${SECRET}
realm=rtc-gateway
fingerprint
no-tls
no-dtls
no-multicast-peers
`

/**
 * Starts a real coturn in the network; resolves when it responds.
 *
 * @param configuration - its `turnserver.conf`, with any secret; it listens on the default ports
 */
export async function startCoturn(network: Network, configuration = CONFIGURATION): Promise<TurnServer> {
  const directory = await mkdtemp(join(tmpdir(), 'rtc-coturn-'))
  const file = join(directory, 'turnserver.conf')
  await writeFile(file, configuration.replace(/^static-auth-secret=.*$/m, `static-auth-secret=${SECRET}`))
  const flags = [
    '-c',
    file,
    '--listening-ip=127.0.0.1',
    '--relay-ip=127.0.0.1',
    '--no-cli',
    '--allow-loopback-peers',
    '--verbose',
    '--log-file=stdout',
    `--pidfile=${join(directory, 'pid')}`,
    `--userdb=${join(directory, 'turndb')}`,
  ]
  const server = network.spawn(TURNSERVER, flags, { stdio: ['ignore', 'pipe', 'pipe'] })
  const exited = once(server, 'exit')
  let output = ''
  for (const stream of [server.stdout, server.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
  }
  await Promise.race([
    waitForResponse(network),
    exited.then(([code]) => Promise.reject(new Error(`coturn ended with ${code}:\n${output}`))),
  ])
  return {
    url: `turn:127.0.0.1:${PORT}`,
    secret: SECRET,
    output: () => output,
    async close() {
      server.kill('SIGTERM')
      await exited
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** Sends STUN binding requests (RFC 8489, section 5) until one is answered; gives up after 10 s. */
const BINDING = `
  const socket = require('node:dgram').createSocket('udp4')
  const request = Buffer.from('000100002112a442' + '0102030405060708090a0b0c', 'hex')
  const asking = setInterval(() => socket.send(request, ${PORT}, '127.0.0.1'), 50)
  const deadline = setTimeout(() => process.exit(1), 10_000)
  socket.on('error', () => {}).on('message', () => {
    clearInterval(asking)
    clearTimeout(deadline)
    socket.close()
  })
`

async function waitForResponse(network: Network): Promise<void> {
  const [code] = await once(network.spawn(process.execPath, ['-e', BINDING], { stdio: 'inherit' }), 'exit')
  if (code !== 0) throw new Error('coturn does not respond')
}
