import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { build } from 'vite'
import type { CallWorld } from '../call-world.ts'
import type { InitOptions, OpenChatClient } from '../../src/sdk/index.ts'

declare global {
  /** The client of a page opened by {@link openSdkPage}. */
  var client: OpenChatClient
  /** The events that the client emitted, abbreviated, in order. */
  var told: string[]
  /** The connections recorded by {@link noteConnections}. */
  var clientConnections: RTCPeerConnection[]
  var OpenChat: typeof import('../../src/sdk/index.ts')
}

let bundled: Promise<string> | undefined

/** The package as one script that defines the global `OpenChat`. */
export async function bundle(): Promise<string> {
  const entry = fileURLToPath(new URL('../../src/sdk/index.ts', import.meta.url))
  const built = await build({
    configFile: false,
    logLevel: 'silent',
    build: {
      write: false,
      lib: { entry, formats: ['iife'], name: 'OpenChat' },
      rolldownOptions: { external: ['@volcengine/rtc', 'livekit-client', 'agora-rtc-sdk-ng', 'wukongimjssdk'] },
    },
  })
  const [first] = Array.isArray(built) ? built : [built]
  if (!first || !('output' in first)) throw new Error('the bundle is not written')
  return first.output[0].code
}

/** Records every peer connection of the page; installed before its scripts run. */
export const noteConnections = (page: Page): Promise<unknown> =>
  page.addInitScript(() => {
    globalThis.clientConnections = []
    globalThis.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(configuration?: RTCConfiguration) {
        super(configuration)
        globalThis.clientConnections.push(this)
      }
    }
  })

/** Opens a page with a user's client, in a browser context of its own. */
export async function openSdkPage(
  world: Pick<CallWorld, 'open' | 'token'>,
  uid: string,
  { permissionsPolicy, ...init }: InitOptions & { permissionsPolicy?: string } = {},
): Promise<Page> {
  const page = await world.open('/health/live', noteConnections)
  if (permissionsPolicy !== undefined)
    await reloadWithHeader(page, { name: 'Permissions-Policy', value: permissionsPolicy })
  await becomeClient(page, uid, { token: await world.token(uid), init })
  return page
}

/** Creates a user's client in an open page. */
export async function becomeClient(
  page: Page,
  uid: string,
  { token, init = {} }: { token: string; init?: InitOptions },
): Promise<void> {
  await page.addScriptTag({ content: await (bundled ??= bundle()) })
  await page.evaluate(
    async ({ uid, token, init }) => {
      globalThis.told = []
      const { OpenChatClient } = globalThis.OpenChat
      const client = new OpenChatClient({ server: { baseUrl: location.origin }, auth: { uid, token } })
      globalThis.client = client
      await client.rtc.init(init)
      const tell = (text: string) => globalThis.told.push(text)
      client.rtc.on('trackAdded', ({ userId, source }) => tell(`+ ${userId} ${source}`))
      client.rtc.on('trackRemoved', ({ userId, source }) => tell(`- ${userId} ${source}`))
      client.rtc.on('deviceFallback', ({ source, deviceId }) => tell(`${source} ${deviceId} fell back`))
      client.rtc.on('ended', ({ reason }) => tell(`ended ${reason}`))
      client.rtc.on('error', ({ code, message }) => tell(`error ${code}: ${message}`))
      client.rtc.on(
        'connectionStateChanged',
        ({ of, userId, state }) => of === 'media' && tell(`${userId} is ${state}`),
      )
    },
    { uid, token, init },
  )
}

/** Reloads the page from the same URL with one more response header. */
async function reloadWithHeader(page: Page, header: { name: string; value: string }): Promise<void> {
  const session = await page.context().newCDPSession(page)
  session.on('Fetch.requestPaused', ({ requestId, responseStatusCode: responseCode = 200, responseHeaders = [] }) => {
    void session.send('Fetch.continueResponse', {
      requestId,
      responseCode,
      responseHeaders: [...responseHeaders, header],
    })
  })
  await session.send('Fetch.enable', { patterns: [{ urlPattern: page.url(), requestStage: 'Response' }] })
  await page.reload()
  await session.send('Fetch.disable')
}

/** What a page has received over its peer connections. */
export interface Received {
  readonly frames: number
  readonly videoBytes: number
  readonly audioBytes: number
  /** Number of received tracks. */
  readonly videos: number
  readonly audios: number
}

/** Sums the inbound statistics of all connections. */
export const received = (page: Page): Promise<Received> =>
  page.evaluate(async () => {
    const sums = { frames: 0, videoBytes: 0, audioBytes: 0, videos: 0, audios: 0 }
    for (const connection of globalThis.clientConnections) {
      if (connection.connectionState === 'closed') continue
      for (const stats of (await connection.getStats()).values()) {
        if (stats.type !== 'inbound-rtp') continue
        if (stats.kind === 'video') {
          sums.frames += stats.framesDecoded ?? 0
          sums.videoBytes += stats.bytesReceived
          sums.videos += 1
        } else {
          sums.audioBytes += stats.bytesReceived
          sums.audios += 1
        }
      }
    }
    return sums
  })
