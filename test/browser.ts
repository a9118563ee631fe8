import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'
import type { Network } from './network.ts'
import { isMet } from './requirement.ts'

/** Debian's path, unless `CHROMIUM` is set. */
const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium'

/**
 * Disables background traffic; fakes devices, permissions and autoplay. The frame rate is low, because each frame is
 * encoded for each peer on the machine that runs the tests.
 */
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-fake-device-for-media-stream=fps=10',
  '--use-fake-ui-for-media-stream',
  '--allow-loopback-in-peer-connection',
  '--autoplay-policy=no-user-gesture-required',
  '--disable-features=WebRtcHideLocalIpsWithMdns',
]

/** For `describe.runIf`: whether Chromium is available. */
export const browserTests = isMet(
  existsSync(CHROMIUM),
  'BROWSER TESTS',
  `there is no ${CHROMIUM} (apt-get install chromium)`,
)

/** Starts a real Chromium, in the given network if any; each test creates its own contexts. */
export async function launchBrowser(network?: Network): Promise<Browser> {
  return chromium.launch({ executablePath: (await network?.programFor(CHROMIUM)) ?? CHROMIUM, args: FLAGS })
}
