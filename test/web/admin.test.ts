import axe from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AdminPageOptions } from '../../src/http/admin-page.ts'
import { browserTests, launchBrowser } from '../browser.ts'
import { createPerson, type Person, SECRET, startWorld, take, withWorld } from '../world.ts'
import { button, look } from './pages.ts'

const DESKTOP = { width: 1280, height: 900 }
const PHONE = { width: 360, height: 740 }
const developing = (env: Record<string, string> = {}) => ({
  env: { JWT_SECRET: '', ...env },
  dependencies: { developmentSecret: SECRET },
})
const optionsOf = (page: string) =>
  JSON.parse(/id="options">(.*?)<\/script>/s.exec(page)?.[1] ?? '') as AdminPageOptions
const adminPage = (url: string, headers: Record<string, string> = {}) => fetch(`${url}/admin`, { headers })

describe('the admin page', () => {
  it('has a token of an administrator in development mode, for its own origin only', () =>
    withWorld(async ({ url }) => {
      const response = await adminPage(url)
      const { token = '' } = optionsOf(await response.text())
      const { body } = await createPerson(url, 'administrator', token).graphql(
        '{ me { scopes } adminOverview { active } }',
      )
      expect(body.data).toEqual({ me: { scopes: ['rtc:admin'] }, adminOverview: { active: 0 } })
      expect((await adminPage(url, { origin: 'https://elsewhere.example' })).status).toBe(404)
    }, developing()))

  it('forbids caching, framing and other origins', () =>
    withWorld(async ({ url }) => {
      const { headers } = await adminPage(url)
      expect(headers.get('cache-control')).toBe('no-store')
      expect(headers.get('content-security-policy')?.split('; ')).toEqual(
        expect.arrayContaining(["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"]),
      )
    }, developing()))

  it('is served if enabled only, and then without a token if the gateway has a key', async () => {
    await withWorld(async ({ url }) => expect((await adminPage(url)).status).toBe(404))
    await withWorld(
      async ({ url }) => expect((await adminPage(url)).status).toBe(404),
      developing({ ADMIN_PAGE: 'off' }),
    )
    const env = { ADMIN_PAGE: 'on', NODE_ENV: 'production' }
    await withWorld(
      async ({ url }) => {
        const html = await (await adminPage(url)).text()
        expect(optionsOf(html)).toEqual({})
        // Its assets are served although the call page is off.
        const [, script = ''] = /src="\.(\/assets\/admin-[^"]+)"/.exec(html) ?? []
        expect((await fetch(url + script)).status).toBe(200)
        expect((await fetch(url)).status).toBe(404)
      },
      { env },
    )
  })
})

/** The violations that axe finds, including best practices. */
const violations = async (page: Page): Promise<string[]> => {
  await page.evaluate(axe.source)
  return page.evaluate(async () => {
    const { axe: checker } = globalThis as typeof globalThis & { axe: typeof axe }
    const { violations: found } = await checker.run()
    return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(' | ')}`)
  })
}

describe.runIf(browserTests)('an administrator in a browser', { timeout: 60_000 }, () => {
  let world: Awaited<ReturnType<typeof startWorld>>
  let browser: Browser
  let page: Page
  let alice: Person
  let bob: Person
  let roomId: string

  beforeAll(async () => {
    world = await startWorld(developing())
    browser = await launchBrowser()
    const { developmentToken = () => Promise.reject(new Error('not in development mode')) } = world.app
    const person = async (id: string) => createPerson(world.url, id, await developmentToken(id))
    ;[alice, bob] = [await person('alice'), await person('bob')]
    const { body: room } = await alice.rest('POST', '/rooms', {
      type: 'group',
      name: 'Stand-up',
      participantIds: ['bob', 'carol'],
    })
    roomId = room.id
    for (const one of [alice, bob]) await one.rest('POST', `/rooms/${roomId}/join`)
    const { body: call } = await (await person('dave')).rest('POST', '/rooms', { type: 'p2p', calleeId: 'erin' })
    for (const id of ['dave', 'erin']) await (await person(id)).rest('POST', `/rooms/${call.id}/join`)
    page = await open()
  }, 60_000)
  afterAll(async () => {
    await browser?.close()
    await world?.close()
  })

  async function open(): Promise<Page> {
    const opened = await browser.newPage({ viewport: DESKTOP })
    opened.on('dialog', (dialog) => void dialog.accept())
    await opened.goto(`${world.url}/admin`)
    return opened
  }
  const panel = (name: string) => page.getByRole('region', { name })
  const participants = () => page.getByRole('list', { name: 'Participants' })
  const events = () => page.getByRole('list', { name: 'Events' }).getByRole('listitem')

  it('sees live rooms, and the participants and events of one as they happen', async () => {
    await panel('Rooms')
      .getByRole('button', { name: /dave → erin/ })
      .waitFor()
    await panel('Rooms')
      .getByRole('button', { name: /Stand-up/ })
      .click()
    await participants().getByText('alice').waitFor()
    expect(await participants().getByRole('listitem').allInnerTexts()).toEqual([
      expect.stringMatching(/alice[^]*joined[^]*host/),
      expect.stringMatching(/bob[^]*joined/),
      expect.stringMatching(/carol[^]*invited/),
    ])
    expect(await events().first().innerText()).toMatch(/room started|participant joined/)
    await bob.rest('POST', `/rooms/${roomId}/leave`)
    await participants().getByText('left').waitFor()
    expect(await events().first().innerText()).toMatch(/participant left[^]*bob/)
    await bob.rest('POST', `/rooms/${roomId}/join`)
    await expect.poll(() => events().first().innerText()).toMatch(/participant joined[^]*bob/)
  })

  it.each(['light', 'dark'] as const)('finds every state accessible, in %s colours', async (colorScheme) => {
    const found: string[] = []
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    const stream = alice.subscribe('subscription { incomingCall { type } }')
    const first = take(stream, 1).catch(() => undefined)
    await panel('User').getByLabel('Id').fill('alice')
    await button(page, 'Find').click()
    await panel('User').getByText('websocket').waitFor()
    for (const [size, viewport] of [
      ['desktop', DESKTOP],
      ['phone', PHONE],
    ] as const) {
      await page.setViewportSize(viewport)
      found.push(...(await violations(page)).map((violation) => `${size}: ${violation}`))
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(viewport.width)
      await page.evaluate(() => scrollTo(0, 0))
      await look(page, `admin-${size}-${colorScheme}`)
      await page.locator('.columns').last().scrollIntoViewIfNeeded()
      await look(page, `admin-${size}-${colorScheme}-below`)
    }
    await page.setViewportSize(DESKTOP)
    expect(found).toEqual([])
    await stream.return?.()
    await first
  })

  it('removes a participant, disconnects a user and ends rooms, which the audit log shows', async () => {
    await button(page, 'Remove carol').click()
    await participants().getByText('removed').waitFor()
    const stream = alice.subscribe('subscription { incomingCall { type } }')
    const closed = take(stream, 1).catch((error: unknown) => error)
    await button(page, 'Find').click()
    await panel('User').getByText('websocket').waitFor()
    await button(page, 'Disconnect').click()
    expect(await closed).toMatchObject({ code: 4403 })
    await page.getByText('Connections of alice that were closed: 1.').waitFor()
    await button(page, 'End rooms').click()
    await page.getByText('Rooms of alice that were ended: 1.').waitFor()
    await expect
      .poll(() => panel('Audit log').getByRole('listitem').allInnerTexts())
      .toMatchObject([
        expect.stringContaining('administrator: end all rooms'),
        expect.stringContaining('administrator: disconnect user'),
        expect.stringContaining('administrator: remove participant'),
      ])
    await panel('Rooms').getByLabel('Status').selectOption('ended')
    await panel('Rooms')
      .getByRole('button', { name: /Stand-up/ })
      .waitFor()
    expect(await events().first().innerText()).toMatch(/room ended/)
  })

  it('has to name a token with the scope', async () => {
    await button(page, 'Sign out').click()
    const field = page.getByRole('textbox', { name: 'Your token with the scope rtc:admin' })
    await field.fill(alice.token)
    await button(page, 'Continue').click()
    await page.getByText('This token does not have the scope rtc:admin.').waitFor()
    expect(await violations(page)).toEqual([])
    await look(page, 'admin-sign-in')
    await field.fill('no.token')
    await button(page, 'Continue').click()
    await page.getByText('This token is invalid, or has expired.').waitFor()
  })
})
