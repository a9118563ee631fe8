import { rm } from 'node:fs/promises'
import type { Browser, Page } from 'playwright-core'
import { DEVELOPMENT_TTL, developmentSecret, mintToken } from '../src/auth/development.ts'
import { browserTests, launchBrowser } from './browser.ts'
import { startCoturn, type TurnServer } from './coturn.ts'
import { killServer } from './db/data-dir.ts'
import { createNetwork, type Network, networkTests } from './network.ts'
import { type Gateway, startGateway } from './process.ts'
import { copyPreparedData, makeDirectory } from './scratch.ts'
import { createPerson, type Person } from './world.ts'

/** For `describe.runIf`: whether calls between real browsers are possible. */
export const callTests = networkTests && browserTests

/** The gateway's port, free in a new network namespace. */
const PORT = 3000

/** The built gateway in development mode with embedded PostgreSQL, and a Chromium, in their own network namespace. */
export interface CallWorld {
  readonly network: Network
  readonly browser: Browser
  /** The gateway's address in the network, for pages; unchanged by restarts. */
  readonly url: string
  /** The current gateway process, or the last one. */
  readonly gateway: Gateway
  readonly turn: TurnServer | undefined
  /** Stops the gateway, by default with SIGTERM, and starts it again with the same data and port. */
  restart(signal?: NodeJS.Signals): Promise<void>
  /** Starts the gateway after a `gateway.stop(signal)`. */
  start(): Promise<void>
  /** A token that is valid for a day, across restarts. */
  token(userId: string, now?: Date): Promise<string>
  /** A user outside the network, without a browser. */
  person(userId: string): Promise<Person>
  /** Opens a page in its own browser context, like another user or device; `before` runs before the page loads. */
  open(path?: string, before?: (page: Page) => Promise<unknown>): Promise<Page>
}

export interface CallWorldOptions {
  readonly env?: Record<string, string>
  /** Also starts a coturn and configures the gateway with it. */
  readonly relay?: boolean
}

/** Runs `work` with a call world and closes it afterwards. */
export async function withCallWorld(
  work: (world: CallWorld) => Promise<unknown>,
  options: CallWorldOptions = {},
): Promise<void> {
  const world = await startCallWorld(options)
  try {
    await work(world)
  } finally {
    await world.close()
  }
}

export async function startCallWorld({ env = {}, relay = false }: CallWorldOptions = {}): Promise<
  CallWorld & { close(): Promise<void> }
> {
  const cleanups: (() => Promise<unknown>)[] = []
  const close = async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
  }
  try {
    const network = await createNetwork()
    cleanups.push(() => network.close())
    const turn = relay ? await startCoturn(network) : undefined
    if (turn) cleanups.push(() => turn.close())

    const dataDir = await makeDirectory('calls')
    await copyPreparedData(dataDir)
    cleanups.push(() => rm(dataDir, { recursive: true, maxRetries: 5 }))
    const environment = {
      DATA_DIR: dataDir,
      PORT: String(PORT),
      DRAIN_TIME: '1',
      ...(turn && { TURN_URLS: turn.url, TURN_SECRET: turn.secret }),
      ...env,
    }
    // A killed gateway leaves its database running.
    cleanups.push(() => killServer(dataDir, 'SIGQUIT'))
    let gateway = await startGateway(environment, { network })
    const start = async () => {
      gateway = await startGateway(environment, { network })
    }
    cleanups.push(() => gateway.stop('SIGTERM'))
    const door = await network.forwardPort(PORT)
    const browser = await launchBrowser(network)
    cleanups.push(() => browser.close())

    const token = async (userId: string, now = new Date()) =>
      mintToken({ secret: await developmentSecret(dataDir), userId, ttl: DEVELOPMENT_TTL, now })
    return {
      network,
      browser,
      turn,
      url: gateway.url,
      get gateway() {
        return gateway
      },
      token,
      person: async (userId) => createPerson(door, userId, await token(userId)),
      async open(path = '/health/live', before) {
        const context = await browser.newContext()
        const page = await context.newPage()
        await before?.(page)
        await page.goto(gateway.url + path)
        return page
      },
      start,
      async restart(signal = 'SIGTERM') {
        await gateway.stop(signal)
        await start()
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
