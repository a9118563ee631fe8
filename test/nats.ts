import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { freePort } from './free-port.ts'
import { isMet } from './requirement.ts'

/** Debian's path, unless `NATS_SERVER` is set. */
const NATS_SERVER = process.env['NATS_SERVER'] ?? '/usr/sbin/nats-server'

/** For `describe.runIf`: whether a NATS server can run here. */
export const natsTests = isMet(
  existsSync(NATS_SERVER),
  'NATS TESTS',
  `there is no ${NATS_SERVER} (apt-get install nats-server)`,
)

/** A NATS server on a port of its own, which can be killed, frozen and started again. */
export class NatsServer {
  readonly #port: number
  #process: ChildProcess | undefined

  private constructor(port: number) {
    this.#port = port
  }

  /** Starts a server, which the caller has to kill. */
  static async start(): Promise<NatsServer> {
    const server = new NatsServer(await freePort())
    await server.start()
    return server
  }

  /** For `BUS_URL`. */
  get url(): string {
    return `nats://127.0.0.1:${this.#port}`
  }

  async start(): Promise<void> {
    const server = spawn(NATS_SERVER, ['--addr', '127.0.0.1', '--port', String(this.#port)], { stdio: 'ignore' })
    this.#process = server
    while (!(await this.#accepts())) {
      if (server.exitCode !== null) throw new Error(`nats-server exited with ${server.exitCode}`)
    }
  }

  async kill(): Promise<void> {
    const server = this.#process
    this.#process = undefined
    if (!server || server.exitCode !== null || server.signalCode !== null) return
    const exited = once(server, 'exit')
    server.kill('SIGKILL')
    await exited
  }

  /** Stops answering, while the connections stay open: a half-open connection. */
  freeze(): void {
    this.#process?.kill('SIGSTOP')
  }

  thaw(): void {
    this.#process?.kill('SIGCONT')
  }

  async #accepts(): Promise<boolean> {
    const socket = connect(this.#port, '127.0.0.1')
    try {
      await once(socket, 'connect')
      return true
    } catch {
      return false
    } finally {
      socket.destroy()
    }
  }
}
