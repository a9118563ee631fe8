import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { relayTests, startCoturn } from './coturn.ts'
import { createNetwork, type Network, networkTests } from './network.ts'

async function withNetwork(work: (network: Network) => Promise<unknown>): Promise<void> {
  const network = await createNetwork()
  try {
    await work(network)
  } finally {
    await network.close()
  }
}

/** Runs a script in the network; returns its output. */
async function run(network: Network, script: string): Promise<string> {
  const { stdout } = network.spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  return stdout ? await text(stdout) : ''
}

const connectScript = (port: number) => `
  require('node:net').connect(${port}, '127.0.0.1')
    .on('connect', () => { console.log('connected'); process.exit() })
    .on('error', ({ code }) => console.log(code))`

describe.runIf(networkTests)('a network namespace', () => {
  test('has a loopback interface and no other', () =>
    withNetwork(async (network) => {
      const interfaces = await run(network, `console.log(Object.keys(require('node:os').networkInterfaces()).join())`)
      expect(interfaces).toBe('lo\n')
    }))

  test('does not reach the host', () =>
    withNetwork(async (network) => {
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      expect(await run(network, connectScript((server.address() as AddressInfo).port))).toBe('ECONNREFUSED\n')
      server.close()
    }))

  test('is reached through forwarded ports, whether the server inside is started before or after', () =>
    withNetwork(async (network) => {
      const url = await network.forwardPort(3000)
      await expect(fetch(url)).rejects.toThrow('fetch failed')
      const script = `require('node:http').createServer((_, answer) => answer.end('inside')).listen(3000, '127.0.0.1')`
      for (let round = 0; round < 2; round += 1) {
        const server = network.spawn(process.execPath, ['-e', script], { stdio: 'inherit' })
        await expect
          .poll(() =>
            fetch(url).then(
              (answer) => answer.text(),
              () => undefined,
            ),
          )
          .toBe('inside')
        server.kill()
        await once(server, 'exit')
        await expect(fetch(url)).rejects.toThrow('fetch failed')
      }
    }))
})

describe.runIf(relayTests)('coturn', () => {
  test('responds in its network until it is closed', () =>
    withNetwork(async (network) => {
      const server = await startCoturn(network)
      expect(await run(network, connectScript(3478))).toBe('connected\n')
      await server.close()
      expect(await run(network, connectScript(3478))).toBe('ECONNREFUSED\n')
    }))
})
