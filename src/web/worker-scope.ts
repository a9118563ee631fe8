/**
 * What the service worker uses of its global scope. TypeScript has these types in a library that excludes the one of
 * pages: https://www.w3.org/TR/service-workers/#serviceworkerglobalscope-interface
 */
export interface WorkerScope {
  readonly registration: ServiceWorkerRegistration
  readonly clients: WindowClients
  skipWaiting(): Promise<void>
  addEventListener(type: 'install' | 'activate', listener: (event: WorkerEvent) => void): void
  addEventListener(type: 'push', listener: (event: PushedEvent) => void): void
  addEventListener(type: 'notificationclick', listener: (event: ClickEvent) => void): void
}

export interface WorkerEvent {
  /** Keeps the worker alive until the promise is settled. */
  waitUntil(work: Promise<unknown>): void
}

export interface PushedEvent extends WorkerEvent {
  readonly data: { text(): string } | null
}

export interface ClickEvent extends WorkerEvent {
  /** Empty if the notification itself was clicked. */
  readonly action: string
  readonly notification: Notification
}

interface WindowClients {
  matchAll(options: { readonly type: 'window'; readonly includeUncontrolled: true }): Promise<readonly WindowClient[]>
  openWindow(url: string): Promise<WindowClient | null>
  claim(): Promise<void>
}

export interface WindowClient {
  readonly url: string
  readonly visibilityState: DocumentVisibilityState
  focus(): Promise<unknown>
  postMessage(message: unknown, transfer?: readonly Transferable[]): void
}

/** Options of notifications of service workers that TypeScript does not know. */
export interface WorkerNotificationOptions extends NotificationOptions {
  readonly actions?: readonly { readonly action: string; readonly title: string }[]
  readonly renotify?: boolean
}
