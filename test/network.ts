import { type ChildProcess, spawn, spawnSync, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isMet } from './requirement.ts'

/**
 * A network namespace with nothing but a loopback interface (network_namespaces(7)): what runs in it reaches only what
 * else runs in it, ports are all its own, and WebRTC finds no other address.
 */
export interface Network {
  /** Starts a program in it; as `spawn` of node:child_process. */
  spawn(command: string, args: readonly string[], options?: SpawnOptions): ChildProcess
  /** The path of an executable that runs the given one in it, for who insists on starting a program himself. */
  programFor(command: string): Promise<string>
  /** A URL of the machine's own loopback that leads to a TCP port in the network. */
  door(port: number): Promise<string>
  /** Ends the doors and the network; programs that still run in it are their starters' to end. */
  close(): Promise<void>
}

const isRoot = process.getuid?.() === 0
/** An ordinary user becomes root of a user namespace, who may make networks. */
const UNSHARE = isRoot ? ['--net'] : ['--user', '--map-root-user', '--net']
const ENTER = isRoot ? ['--net'] : ['--user', '--net', '--preserve-credentials']
const LOOPBACK_UP = 'ip link set lo up'

const succeeds = (command: string, args: readonly string[]): boolean => spawnSync(command, args).status === 0

/** For `describe.runIf`: whether there can be networks here. */
export const networkTests = isMet(
  succeeds('unshare', [...UNSHARE, 'sh', '-c', LOOPBACK_UP]) && succeeds('nsenter', ['--version']),
  'TESTS IN A NETWORK OF THEIR OWN',
  'unshare, nsenter or ip is missing (apt-get install util-linux iproute2), or namespaces are forbidden here',
)

export async function createNetwork(): Promise<Network> {
  // It lives as long as it can read from us, so it does not outlive us.
  const holder = spawn('unshare', [...UNSHARE, 'sh', '-c', `${LOOPBACK_UP} && echo up && exec cat`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const exited = once(holder, 'exit')
  await Promise.race([
    once(holder.stdout, 'data'),
    exited.then(([code]) => Promise.reject(new Error(`there is no network: unshare ended with ${code}`))),
  ])
  const directory = await mkdtemp(join(tmpdir(), 'rtc-network-'))
  const enter = ['--target', String(holder.pid), ...ENTER, '--']
  const doors: (() => Promise<void>)[] = []

  const network: Network = {
    spawn: (command, args, options = {}) => spawn('nsenter', [...enter, command, ...args], options),
    async programFor(command) {
      const program = join(directory, `program-${command.replaceAll('/', '-')}`)
      await writeFile(program, `#!/bin/sh\nexec nsenter ${enter.join(' ')} '${command}' "$@"\n`, { mode: 0o755 })
      return program
    },
    async door(port) {
      const door = await openDoor(network, port)
      doors.push(door.close)
      return door.url
    },
    async close() {
      await Promise.all(doors.map((closeDoor) => closeDoor()))
      holder.stdin.end()
      await exited
      await rm(directory, { recursive: true })
    },
  }
  return network
}

/** A listening socket belongs to the network that it was opened in, whoever accepts from it. */
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

async function openDoor(network: Network, port: number): Promise<{ url: string; close(): Promise<void> }> {
  const door = createServer().listen(0, '127.0.0.1')
  await once(door, 'listening')
  const { port: outerPort } = door.address() as AddressInfo
  const forwarder = network.spawn(process.execPath, ['-e', FORWARD], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const exited = once(forwarder, 'exit')
  await new Promise<void>((resolve, reject) => {
    forwarder.send(port, door, (error) => (error ? reject(error) : resolve()))
  })
  // The forwarder has its own copy; here nothing is accepted any more.
  door.close()
  return {
    url: `http://127.0.0.1:${outerPort}`,
    async close() {
      forwarder.disconnect()
      await exited
    },
  }
}
