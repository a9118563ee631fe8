import { KeyedQueue } from '../core/keyed-queue.ts'
import type { CallAction, PageAnswer, PushedCall, WorkerMessage } from './worker-messages.ts'
import type { WindowClient, WorkerNotificationOptions, WorkerScope } from './worker-scope.ts'

/**
 * The service worker of the call page: shows pushed calls as notifications while no page shows them.
 *
 * It has no token. To answer or decline a call it asks a page of the called user, and opens one if there is none.
 */

declare const self: WorkerScope

/**
 * Milliseconds in which a page answers. A hidden page may be frozen, and browsers allow opening a window only shortly after a
 * click; a visible one is at most busy.
 */
const ANSWER_TIME = { hidden: 500, visible: 5_000 } as const

self.addEventListener('install', (event) => event.waitUntil(self.skipWaiting()))
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()))

self.addEventListener('push', (event) => {
  const call = parse(event.data?.text())
  if (call) event.waitUntil(ofCalls.run(call.callId, () => show(call)))
})

self.addEventListener('notificationclick', (event) => {
  const call = event.notification.data as PushedCall
  event.notification.close()
  event.waitUntil(act(call, actionOf(event.action)))
})

/** The pushes of one call: its ring is not shown after its end. */
const ofCalls = new KeyedQueue()
/**
 * All accesses to notifications: Chromium would forget a notification that is being shown while the notifications are read,
 * so that it could not be closed any more.
 */
const ofNotifications = new KeyedQueue()

function parse(text: string | undefined): PushedCall | undefined {
  try {
    return JSON.parse(text ?? '') as PushedCall
  } catch {
    return undefined
  }
}

async function show(call: PushedCall): Promise<void> {
  const display = await displayOf(call)
  await ofNotifications.run('', () => display(call))
}

async function displayOf({ type, calleeId, deadline }: PushedCall): Promise<(call: PushedCall) => Promise<void>> {
  if (type === 'answered' || type === 'rejected') return clear
  const page = await pageOf(calleeId)
  if (page?.visibilityState === 'visible') return clear
  return type === 'ringing' && Date.parse(deadline) > Date.now() ? showRinging : showMissed
}

function showRinging(call: PushedCall): Promise<void> {
  const options: WorkerNotificationOptions = {
    ...commonOptions(call),
    body: kindOf(call),
    requireInteraction: true,
    actions: [
      { action: 'answer', title: 'Answer' },
      { action: 'decline', title: 'Decline' },
    ],
  }
  return self.registration.showNotification(`${call.callerId} is calling`, options)
}

/** Replaces the notification of the ringing, quietly. */
const showMissed = (call: PushedCall): Promise<void> =>
  self.registration.showNotification(`Missed call from ${call.callerId}`, {
    ...commonOptions(call),
    body: kindOf(call),
    silent: true,
  })

/** Notifications with the same tag replace each other. */
const commonOptions = (call: PushedCall) => ({ tag: call.callId, data: call, dir: 'auto', lang: 'en' }) as const

function kindOf({ mediaType, roomType, roomName }: PushedCall): string {
  const media = mediaType === 'video' ? 'Video' : 'Audio'
  const kind = roomType === 'group' ? `${media} call, group` : `${media} call`
  return roomName === null ? kind : `${kind} · ${roomName}`
}

async function clear({ callId }: PushedCall): Promise<void> {
  for (const notification of await self.registration.getNotifications({ tag: callId })) notification.close()
}

const actionOf = (action: string): CallAction => (action === 'answer' || action === 'decline' ? action : 'open')

/** Lets a page of the user do it. Declining does not bring the page to the front. */
async function act(call: PushedCall, action: CallAction): Promise<void> {
  const message: WorkerMessage = { kind: 'act', action, call }
  const page = await pageOf(call.calleeId)
  if (page) {
    tell(page, message)
    if (action !== 'decline') await page.focus().catch(() => undefined)
    return
  }
  // The new page keeps the message until its user is signed in.
  const opened = await self.clients.openWindow(`./#${encodeURIComponent(call.calleeId)}`)
  if (opened) tell(opened, message)
}

function tell(page: WindowClient, message: WorkerMessage): void {
  // The page of a worker has its origin.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  page.postMessage(message)
}

/** A page that shows the calls of the user, preferably a visible one. */
async function pageOf(userId: string): Promise<WindowClient | undefined> {
  const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true })
  const pages = windows.filter(isCallPage)
  const users = await Promise.all(pages.map(userOf))
  const own = pages.filter((_, index) => users[index] === userId)
  return own.find(({ visibilityState }) => visibilityState === 'visible') ?? own[0]
}

/** Other pages of the gateway, such as that of administrators, do not answer. */
const isCallPage = ({ url }: WindowClient): boolean =>
  new URL(url).pathname === new URL(self.registration.scope).pathname

/** Whose calls a page shows; undefined if it does not answer in time. */
function userOf(page: WindowClient): Promise<string | undefined> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    const done = (userId: string | undefined) => {
      clearTimeout(timer)
      port1.close()
      resolve(userId)
    }
    const timer = setTimeout(done, ANSWER_TIME[page.visibilityState], undefined)
    port1.addEventListener('message', ({ data }: MessageEvent<PageAnswer>) => done(data.userId))
    port1.start()
    page.postMessage({ kind: 'who' } satisfies WorkerMessage, [port2])
  })
}
