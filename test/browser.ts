import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'
import type { Network } from './network.ts'
import { isMet } from './requirement.ts'

/** Debian's; elsewhere `CHROMIUM` says where it is. */
const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium'

/**
 * Nothing but the pages under test goes to the network; calls work without a camera, a permission or a click. Pictures are
 * few, for each is encoded for each peer by the machine that runs the tests.
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

/** For `describe.runIf`: whether there is a browser to test with. */
export const browserTests = isMet(
  existsSync(CHROMIUM),
  'BROWSER TESTS',
  `there is no ${CHROMIUM} (apt-get install chromium)`,
)

/** A real Chromium, in a network of its own if one is given; each test makes contexts of its own in it. */
export async function launchBrowser(network?: Network): Promise<Browser> {
  return chromium.launch({ executablePath: (await network?.programFor(CHROMIUM)) ?? CHROMIUM, args: FLAGS })
}
