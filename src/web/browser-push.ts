import { type OpenChatClient, RtcError } from '../sdk/index.ts'
import type { NoticeBoard } from './notice-board.ts'
import type { PhoneState } from './phone-state.ts'
import type { Store } from './store.ts'

/**
 * Whether calls are pushed to this browser. `unavailable`: the browser or the gateway cannot do it; `blocked`: the user has
 * forbidden the page to show notifications.
 */
export type PushState = 'unavailable' | 'off' | 'on' | 'blocked' | 'changing'

/** Stored in the browser: the user whose calls are pushed to it. It has one subscription, whoever uses it. */
const USER_KEY = 'pushed user'
const WORKER = './worker.js'

/** The subscription of this browser for pushed calls. */
export class BrowserPush {
  readonly #userId: string
  readonly #rtc: OpenChatClient['rtc']
  readonly #store: Store<PhoneState>
  readonly #notices: NoticeBoard
  readonly #stopped = new AbortController()
  #publicKey: string | null = null

  constructor(dependencies: {
    readonly userId: string
    readonly rtc: OpenChatClient['rtc']
    readonly store: Store<PhoneState>
    readonly notices: NoticeBoard
  }) {
    this.#userId = dependencies.userId
    this.#rtc = dependencies.rtc
    this.#store = dependencies.store
    this.#notices = dependencies.notices
  }

  /** Shows the state, and registers the subscription again, which keeps it from expiring. */
  async start(): Promise<void> {
    if (!('serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window)) return
    await this.#notices.attempt(async () => {
      this.#publicKey = await this.#rtc.webPushPublicKey()
      if (this.#publicKey === null) return
      const isOn = localStorage.getItem(USER_KEY) === this.#userId && Notification.permission === 'granted'
      if (isOn) await this.#subscribe(this.#publicKey)
      await this.#followPermission()
    })
    if (this.#publicKey !== null) this.#show()
  }

  stop(): void {
    this.#stopped.abort()
  }

  /** Asks for the permission to show notifications, and subscribes. */
  async turnOn(): Promise<void> {
    const key = this.#publicKey
    if (key === null) return
    this.#store.update({ push: 'changing' })
    if ((await Notification.requestPermission()) === 'granted') {
      await this.#notices.attempt(async () => {
        await this.#subscribe(key)
        localStorage.setItem(USER_KEY, this.#userId)
      })
    }
    this.#show()
  }

  async turnOff(): Promise<void> {
    this.#store.update({ push: 'changing' })
    await this.#notices.attempt(async () => {
      const registration = await navigator.serviceWorker.getRegistration(WORKER)
      const subscription = await registration?.pushManager.getSubscription()
      if (subscription) {
        await this.#rtc.unregisterPushSubscription({ endpoint: subscription.endpoint })
        await subscription.unsubscribe()
      }
      localStorage.removeItem(USER_KEY)
    })
    this.#show()
  }

  async #subscribe(publicKey: string): Promise<void> {
    const subscription = await subscribe(publicKey).catch((cause: unknown) => {
      throw new RtcError('NOT_SUPPORTED', 'Its push service is not available.', { cause })
    })
    await this.#rtc.registerPushSubscription(subscription)
  }

  /** The user may change the permission in the browser's settings at any time. */
  async #followPermission(): Promise<void> {
    const permission = await navigator.permissions.query({ name: 'notifications' })
    permission.addEventListener('change', () => this.#show(), { signal: this.#stopped.signal })
  }

  #show(): void {
    if (this.#stopped.signal.aborted) return
    const isOn = localStorage.getItem(USER_KEY) === this.#userId && Notification.permission === 'granted'
    this.#store.update({ push: Notification.permission === 'denied' ? 'blocked' : isOn ? 'on' : 'off' })
  }
}

/** The subscription of this browser for the gateway's key; a new one if there is none. */
async function subscribe(publicKey: string): Promise<PushSubscription> {
  await navigator.serviceWorker.register(WORKER)
  const { pushManager } = await navigator.serviceWorker.ready
  const known = await pushManager.getSubscription()
  if (known && keyOf(known) === publicKey) return known
  await known?.unsubscribe()
  return pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: publicKey })
}

function keyOf({ options }: PushSubscription): string {
  const bytes = new Uint8Array(options.applicationServerKey ?? new ArrayBuffer(0))
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '')
}
