import { type ChildProcess, spawn, spawnSync, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isMet } from './requirement.ts'

/**
 * A network namespace with only a loopback interface (network_namespaces(7)). Programs in it reach only each other, have
 * their own ports, and WebRTC finds no other address.
 */
export interface Network {
  /** Starts a program in the namespace, like `spawn` of node:child_process. */
  spawn(command: string, args: readonly string[], options?: SpawnOptions): ChildProcess
  /** The path of a script that runs the given program in the namespace, for libraries that start it themselves. */
  programFor(command: string): Promise<string>
  /** Forwards a free port of the machine's loopback to a TCP port in the namespace; returns its URL. */
  forwardPort(port: number): Promise<string>
  /** Stops the forwarders and removes the namespace; running programs have to be ended by those who started them. */
  close(): Promise<void>
}

const isRoot = process.getuid?.() === 0
/** An ordinary user becomes root of a user namespace, which permits network namespaces. */
const UNSHARE = isRoot ? ['--net'] : ['--user', '--map-root-user', '--net']
const ENTER = isRoot ? ['--net'] : ['--user', '--net', '--preserve-credentials']
const LOOPBACK_UP = 'ip link set lo up'

const succeeds = (command: string, args: readonly string[]): boolean => spawnSync(command, args).status === 0

/** For `describe.runIf`: whether network namespaces are available. */
export const networkTests = isMet(
  succeeds('unshare', [...UNSHARE, 'sh', '-c', LOOPBACK_UP]) && succeeds('nsenter', ['--version']),
  'TESTS IN A NETWORK OF THEIR OWN',
  'unshare, nsenter or ip is missing (apt-get install util-linux iproute2), or namespaces are forbidden here',
)

export async function createNetwork(): Promise<Network> {
  // The process that holds the namespace exits at the end of its input, hence with this process.
  const holder = spawn('unshare', [...UNSHARE, 'sh', '-c', `${LOOPBACK_UP} && echo up && exec cat`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(holder, 'exit')
  await Promise.race([
    once(holder.stdout, 'data'),
    exited.then(([code]) => Promise.reject(new Error(`no network namespace: unshare exited with ${code}`))),
  ])
  const directory = await mkdtemp(join(tmpdir(), 'rtc-network-'))
  const enter = ['--target', String(holder.pid), ...ENTER, '--']
  const forwarders: (() => Promise<void>)[] = []

  const network: Network = {
    spawn: (command, args, options = {}) => spawn('nsenter', [...enter, command, ...args], options),
    async programFor(command) {
      const program = join(directory, `program-${command.replaceAll('/', '-')}`)
      await writeFile(program, `#!/bin/sh\nexec nsenter ${enter.join(' ')} '${command}' "$@"\n`, { mode: 0o755 })
      return program
    },
    async forwardPort(port) {
      const listener = await startForwarder(network, port)
      forwarders.push(listener.close)
      return listener.url
    },
    async close() {
      await Promise.all(forwarders.map((closeDoor) => closeDoor()))
      holder.stdin.end()
      await exited
      await rm(directory, { recursive: true })
    },
  }
  return network
}

/** Accepts from a listening socket of the outer namespace, which it receives by IPC, and connects inside. */
const FORWARD = `
  const { connect } = require('node:net')
  process.on('message', (port, door) => {
    door.on('connection', (outer) => {
      const inner = connect(port, '127.0.0.1')
      outer.pipe(inner).pipe(outer)
      outer.on('error', () => {}).on('close', () => inner.destroy())
      inner.on('error', () => {}).on('close', () => outer.destroy())
    })
  }).on('disconnect', () => process.exit())
`

async function startForwarder(network: Network, port: number): Promise<{ url: string; close(): Promise<void> }> {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port: outerPort } = listener.address() as AddressInfo
  const forwarder = network.spawn(process.execPath, ['-e', FORWARD], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const exited = once(forwarder, 'exit')
  await new Promise<void>((resolve, reject) => {
    forwarder.send(port, listener, (error) => (error ? reject(error) : resolve()))
  })
  // The forwarder has its own handle; close ours.
  listener.close()
  return {
    url: `http://127.0.0.1:${outerPort}`,
    async close() {
      forwarder.disconnect()
      await exited
    },
  }
}
