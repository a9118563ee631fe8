import type { Browser, BrowserContext, CDPSession, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { browserTests, launchBrowser } from '../browser.ts'
import { VAPID } from '../push/browser.ts'
import { type PushService, startPushService } from '../push/push-service.ts'
import { createPerson, type Person, SECRET, startWorld } from '../world.ts'
import { button, card, look, SLOW } from './pages.ts'

interface OpenOptions {
  readonly permissions?: string[]
  readonly viewport?: { readonly width: number; readonly height: number }
  readonly colorScheme?: 'light' | 'dark'
  /** Whether the browser gets a subscription. */
  readonly subscribable?: boolean
}

/** The notification of a call, as the service worker has shown it. */
interface Shown {
  readonly title: string
  readonly body: string
  readonly tag: string
  readonly actions: readonly string[]
}

describe.runIf(browserTests)('a browser with the call page', { timeout: 60_000 }, () => {
  let world: Awaited<ReturnType<typeof startWorld>>
  let service: PushService
  let browser: Browser
  let alice: Person
  const contexts: BrowserContext[] = []

  beforeAll(async () => {
    service = await startPushService(() => ({ status: 201 }))
    world = await startWorld({
      env: { JWT_SECRET: '', PUSH_ALLOW_PRIVATE: 'true' },
      dependencies: { developmentSecret: SECRET, developmentVapid: VAPID, pushAuthorities: service.ca },
    })
    alice = createPerson(world.url, 'alice', (await world.app.developmentToken?.('alice')) ?? '')
    browser = await launchBrowser()
  }, 60_000)
  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close()
  })
  afterAll(async () => {
    await browser?.close()
    await world?.close()
    await service?.close()
  })

  /**
   * Opens bob's page. Without the Internet a browser has no push service; `PushManager` gets a subscription to the one of
   * this test. Everything after the subscription is the browser's own.
   */
  async function openPage({
    permissions = ['notifications'],
    viewport = { width: 900, height: 760 },
    colorScheme = 'light',
    subscribable = true,
  }: OpenOptions = {}): Promise<{ page: Page; context: BrowserContext; receiver: ReturnType<PushService['browser']> }> {
    const context = await browser.newContext({ viewport, colorScheme })
    contexts.push(context)
    await context.grantPermissions(permissions, { origin: world.url })
    const receiver = service.browser()
    if (subscribable) await context.addInitScript(giveSubscription, receiver.subscription)
    const page = await context.newPage()
    await page.goto(`${world.url}/#bob`)
    await page.getByText('Ready for a call.').waitFor()
    return { page, context, receiver }
  }

  const pushSwitch = (page: Page) => page.getByRole('switch', { name: 'Ring when this page is closed' })
  const stateOf = (page: Page) => pushSwitch(page).getAttribute('aria-checked')

  async function turnOn(page: Page): Promise<void> {
    await pushSwitch(page).click()
    await expect.poll(() => stateOf(page), SLOW).toBe('true')
  }

  const call = async (): Promise<string> =>
    (await alice.rest('POST', '/rooms', { type: 'p2p', calleeId: 'bob', mediaType: 'audio' })).body.id

  /** A page, for which pushes are turned on, that shows a call. */
  async function showCall() {
    const { page, context, receiver } = await openPage()
    await turnOn(page)
    const devtools = await attach(context, page, world.url)
    const callId = await call()
    await card(page, 'alice').waitFor()
    return { page, receiver, devtools, callId }
  }

  const stateOfBob = async (callId: string): Promise<string | undefined> =>
    (await alice.rest('GET', `/rooms/${callId}/participants`)).body.find(
      ({ userId }: { userId: string }) => userId === 'bob',
    )?.state

  /** The latest push that the gateway has sent to the browser, decrypted, as the push service would deliver it. */
  async function deliver(devtools: DevTools, receiver: ReturnType<PushService['browser']>, count: number) {
    await service.until(() => service.messagesOf(receiver).length >= count)
    await devtools.deliver(JSON.stringify(service.messagesOf(receiver)[count - 1]))
  }

  it('shows a call while no page is visible, and clears it when it was answered elsewhere', async () => {
    const { page, context, receiver } = await openPage()
    await turnOn(page)
    const devtools = await attach(context, page, world.url)
    await leave(page)
    const callId = await call()
    await deliver(devtools, receiver, 1)
    await expect
      .poll(() => devtools.notifications(), SLOW)
      .toEqual([{ title: 'alice is calling', body: 'Audio call', tag: callId, actions: ['answer', 'decline'] }])
    await deliver(devtools, receiver, 1)
    expect(await devtools.notifications()).toHaveLength(1)
    await bobs('POST', `/rooms/${callId}/join`)
    await deliver(devtools, receiver, 2)
    await expect.poll(() => devtools.notifications(), SLOW).toEqual([])
    await alice.rest('POST', `/rooms/${callId}/end`)
  })

  it('replaces the notification of a call that was cancelled by that of a missed call', async () => {
    const { page, context, receiver } = await openPage()
    await turnOn(page)
    const devtools = await attach(context, page, world.url)
    await leave(page)
    const callId = await call()
    await deliver(devtools, receiver, 1)
    await expect.poll(async () => (await devtools.notifications()).length, SLOW).toBe(1)
    await alice.rest('POST', `/rooms/${callId}/leave`)
    await deliver(devtools, receiver, 2)
    await expect
      .poll(() => devtools.notifications(), SLOW)
      .toEqual([{ title: 'Missed call from alice', body: 'Audio call', tag: callId, actions: [] }])
  })

  it('shows no notification while the page itself shows the call', async () => {
    const { receiver, devtools, callId } = await showCall()
    await deliver(devtools, receiver, 1)
    // Carol has no page in this browser; her call shows that the worker has handled both.
    const [ring] = service.messagesOf(receiver)
    await devtools.deliver(JSON.stringify({ ...ring, callId: 'another', calleeId: 'carol' }))
    await expect.poll(async () => (await devtools.notifications()).map(({ tag }) => tag), SLOW).toEqual(['another'])
    await alice.rest('POST', `/rooms/${callId}/leave`)
  })

  it('shows no notification while the page shows the call, although the page is busy', async () => {
    const { page, receiver, devtools, callId } = await showCall()
    await service.until(() => service.messagesOf(receiver).length === 1)
    await Promise.all([page.evaluate(keepBusy, 1_500), deliver(devtools, receiver, 1)])
    const [ring] = service.messagesOf(receiver)
    await devtools.deliver(JSON.stringify({ ...ring, callId: 'another', calleeId: 'carol' }))
    await expect.poll(async () => (await devtools.notifications()).map(({ tag }) => tag), SLOW).toEqual(['another'])
    await alice.rest('POST', `/rooms/${callId}/leave`)
  })

  it('does not show a call that is answered while a busy page is asked whether it shows the call', async () => {
    const { page, receiver, devtools, callId } = await showCall()
    await service.until(() => service.messagesOf(receiver).length === 1)
    const of = { ...service.messagesOf(receiver)[0], callId: 'another', calleeId: 'carol' }
    const messages = [of, { ...of, type: 'answered' }].map((message) => JSON.stringify(message))
    await Promise.all([page.evaluate(keepBusy, 1_500), devtools.deliver(...messages)])
    expect(await devtools.notifications()).toEqual([])
    await alice.rest('POST', `/rooms/${callId}/leave`)
  })

  it.each([
    ['answer', 'joined'],
    ['decline', 'rejected'],
  ])('does %s a call from its notification', async (action, state) => {
    const { page, context, receiver } = await openPage()
    await turnOn(page)
    const devtools = await attach(context, page, world.url)
    await leave(page)
    const callId = await call()
    await deliver(devtools, receiver, 1)
    await expect.poll(async () => (await devtools.notifications()).length, SLOW).toBe(1)
    await page.goto(`${world.url}/#bob`)
    await card(page, 'alice').waitFor()
    await devtools.click(callId, action)
    await expect.poll(() => stateOfBob(callId), SLOW).toBe(state)
    expect(await devtools.notifications()).toEqual([])
    await alice.rest('POST', `/rooms/${callId}/end`)
  })

  it('opens the page of the user if none is open, which answers once they are signed in', async () => {
    const { page, context, receiver } = await openPage()
    await turnOn(page)
    const devtools = await attach(context, page, world.url)
    await leave(page)
    const callId = await call()
    await deliver(devtools, receiver, 1)
    await expect.poll(async () => (await devtools.notifications()).length, SLOW).toBe(1)
    await page.goto(world.url)
    await page.getByText('Who is calling?').waitFor()
    const opened = await devtools.allowWindows()
    await devtools.click(callId, 'answer')
    await expect.poll(opened, SLOW).toEqual(['./#bob'])
    await page.evaluate(() => {
      location.hash = '#bob'
    })
    await expect.poll(() => stateOfBob(callId), SLOW).toBe('joined')
    await alice.rest('POST', `/rooms/${callId}/end`)
  })

  it('shows a ring that arrives too late as a missed call', async () => {
    const { page, context, receiver } = await openPage()
    await turnOn(page)
    const devtools = await attach(context, page, world.url)
    await leave(page)
    const callId = await call()
    await service.until(() => service.messagesOf(receiver).length === 1)
    const [ring] = service.messagesOf(receiver)
    await devtools.deliver(JSON.stringify({ ...ring, deadline: new Date(Date.now() - 1000).toISOString() }))
    await expect
      .poll(async () => (await devtools.notifications()).map(({ title }) => title), SLOW)
      .toEqual(['Missed call from alice'])
    await alice.rest('POST', `/rooms/${callId}/leave`)
  })

  it('keeps its subscription over a reload, until it is turned off', async () => {
    const { page, receiver } = await openPage()
    await turnOn(page)
    const list = async () => (await bobs('GET', '/push/subscriptions')).body.length
    const before = await list()
    await page.reload()
    await expect.poll(() => stateOf(page), SLOW).toBe('true')
    expect(await list()).toBe(before)
    await pushSwitch(page).click()
    await expect.poll(() => stateOf(page), SLOW).toBe('false')
    expect(await list()).toBe(before - 1)
    const callId = await call()
    await card(page, 'alice').waitFor()
    await alice.rest('POST', `/rooms/${callId}/leave`)
    await page.getByText('alice has hung up.').waitFor()
    expect(service.messagesOf(receiver)).toEqual([])
  })

  it('says so if the browser blocks notifications, and follows the permission', async () => {
    const { page, context } = await openPage({ permissions: [] })
    await context.grantPermissions([], { origin: world.url })
    await page.getByText('Your browser blocks notifications').waitFor()
    expect(await pushSwitch(page).isDisabled()).toBe(true)
    await look(page, 'push-blocked')
    await context.grantPermissions(['notifications'], { origin: world.url })
    await expect.poll(() => pushSwitch(page).isEnabled(), SLOW).toBe(true)
    expect(await stateOf(page)).toBe('false')
  })

  it('says so if the push service cannot be reached', async () => {
    const { page } = await openPage({ subscribable: false })
    await pushSwitch(page).click()
    await page.getByText('Its push service is not available.').waitFor()
    expect(await stateOf(page)).toBe('false')
    await button(page, 'Dismiss').click()
  })

  it.each(['light', 'dark'] as const)('shows the switch (%s)', async (colorScheme) => {
    for (const width of [900, 360]) {
      const { page } = await openPage({ colorScheme, viewport: { width, height: 760 } })
      await turnOn(page)
      await look(page, `push-${colorScheme}-${width}`)
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width)
    }
  })

  const bobs = async (...request: Parameters<Person['rest']>) =>
    createPerson(world.url, 'bob', (await world.app.developmentToken?.('bob')) ?? '').rest(...request)
})

/** Runs in the page: the browser's `PushManager` cannot reach a push service from a test. */
function giveSubscription(json: { endpoint: string; keys: { p256dh: string; auth: string } }): void {
  const KEY = 'subscription of the test'
  const bytesOf = (text: string) =>
    Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0)).buffer
  const subscription = (applicationServerKey: string) => ({
    endpoint: json.endpoint,
    options: { userVisibleOnly: true, applicationServerKey: bytesOf(applicationServerKey) },
    toJSON: () => json,
    async unsubscribe() {
      localStorage.removeItem(KEY)
      return true
    },
  })
  Object.assign(PushManager.prototype, {
    async subscribe({ applicationServerKey }: { applicationServerKey: string }) {
      localStorage.setItem(KEY, applicationServerKey)
      return subscription(applicationServerKey)
    },
    async getSubscription() {
      const key = localStorage.getItem(KEY)
      return key === null ? null : subscription(key)
    },
  })
}

/** Runs in the page: a page that does nothing else for these milliseconds. */
function keepBusy(duration: number): void {
  const end = performance.now() + duration
  while (performance.now() < end);
}

/** Closes the call page; its service worker stays. */
const leave = (page: Page) => page.goto('about:blank')

/** What a user does with the service worker of a page, by the DevTools protocol. */
interface DevTools {
  /** Delivers messages as the push service does; resolves when the worker has handled them. */
  deliver(...messages: string[]): Promise<void>
  notifications(): Promise<Shown[]>
  /** Clicks a notification. */
  click(tag: string, action: string): Promise<void>
  /**
   * Lets the worker open windows, which browsers allow after a real click only: it gets the page that is open.
   *
   * @returns the addresses that it opens
   */
  allowWindows(): Promise<() => Promise<string[]>>
}

/** The global scope of functions that the tests run in the worker. */
declare const self: WorkerGlobal

/** What the tests use of it. */
interface WorkerGlobal extends EventTarget {
  readonly registration: {
    getNotifications(filter?: {
      tag: string
    }): Promise<{ title: string; body: string; tag: string; actions: { action: string }[] }[]>
  }
  readonly clients: {
    matchAll(options: object): Promise<object[]>
    openWindow(url: string): Promise<object | null>
  }
  readonly NotificationEvent: new (type: string, init: object) => Event
  readonly ExtendableEvent: { readonly prototype: Event & { waitUntil(work: Promise<unknown>): void } }
  /** The addresses that the worker has opened. */
  opened: string[]
  /** Number of pushes that the worker has handled. */
  handled: number
}

async function attach(context: BrowserContext, page: Page, origin: string): Promise<DevTools> {
  const session: CDPSession = await context.newCDPSession(page)
  const registered = new Promise<string>((resolve) => {
    session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      const own = registrations.find(({ scopeURL }) => scopeURL === `${origin}/`)
      if (own) resolve(own.registrationId)
    })
  })
  await session.send('ServiceWorker.enable')
  const registrationId = await registered
  await page.evaluate(() => navigator.serviceWorker.ready)
  const [worker = await context.waitForEvent('serviceworker')] = context.serviceWorkers()
  await worker.evaluate(() => {
    self.handled = 0
    const { prototype } = self.ExtendableEvent
    // oxlint-disable-next-line typescript/unbound-method -- called with the event
    const { waitUntil } = prototype
    prototype.waitUntil = function (work) {
      const count = () => {
        self.handled += 1
      }
      if (this.type === 'push') work.then(count, count)
      waitUntil.call(this, work)
    }
  })
  return {
    deliver: async (...messages) => {
      const handled = () => worker.evaluate(() => self.handled)
      const before = await handled()
      for (const data of messages)
        await session.send('ServiceWorker.deliverPushMessage', { origin, registrationId, data })
      // Chromium forgets a notification that is being shown while the notifications are read.
      await expect.poll(handled, SLOW).toBe(before + messages.length)
    },
    notifications: () =>
      worker.evaluate(async () => {
        return (await self.registration.getNotifications()).map(({ title, body, tag, actions }) => ({
          title,
          body,
          tag,
          actions: actions.map(({ action }) => action),
        }))
      }),
    click: (tag, action) =>
      worker.evaluate(
        async ([clicked, chosen]) => {
          const [notification] = await self.registration.getNotifications({ tag: clicked ?? '' })
          self.dispatchEvent(new self.NotificationEvent('notificationclick', { notification, action: chosen }))
        },
        [tag, action] as const,
      ),
    async allowWindows() {
      await worker.evaluate(() => {
        self.opened = []
        self.clients.openWindow = async (url) => {
          self.opened.push(url)
          return (await self.clients.matchAll({ type: 'window', includeUncontrolled: true }))[0] ?? null
        }
      })
      return () => worker.evaluate(() => self.opened)
    },
  }
}
