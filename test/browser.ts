import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

/** Debian's; elsewhere `CHROMIUM` says where it is. */
const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium'

/** Nothing but the pages under test goes to the network; calls work without a camera, a permission or a click. */
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--allow-loopback-in-peer-connection',
  '--autoplay-policy=no-user-gesture-required',
  '--disable-features=WebRtcHideLocalIpsWithMdns',
]

/**
 * For `describe.runIf`: whether there is a browser to test with. Without one such tests are skipped, audibly; with `CI=true`
 * they run and fail.
 */
export const browserTests = existsSync(CHROMIUM) || process.env['CI'] === 'true'
if (!browserTests) console.warn(`BROWSER TESTS SKIPPED: there is no ${CHROMIUM} (apt-get install chromium)`)

/** A real Chromium; each test makes contexts of its own in it. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
}
