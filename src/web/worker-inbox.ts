import type { CallAction, PageAnswer, PushedCall, WorkerMessage } from './worker-messages.ts'

/** Who receives the messages of the service worker: the model of the signed-in user. */
interface Recipient {
  readonly userId: string
  /** Whether it shows the user's calls: it has a connection. */
  isConnected(): boolean
  act(action: CallAction, call: PushedCall): void
}

/**
 * Receives the messages of the service worker. They come from this origin only, unlike links to the page, so that nobody
 * else can make the page answer a call.
 */
export class WorkerInbox {
  #recipient: Recipient | undefined
  /** What the user chose on a notification before this page was ready. */
  #waiting: { readonly action: CallAction; readonly call: PushedCall } | undefined

  constructor() {
    navigator.serviceWorker?.addEventListener('message', (event: MessageEvent<WorkerMessage>) => this.#receive(event))
  }

  /** @returns a function that ends it */
  deliverTo(recipient: Recipient): () => void {
    this.#recipient = recipient
    const waiting = this.#waiting
    if (waiting?.call.calleeId === recipient.userId) {
      this.#waiting = undefined
      recipient.act(waiting.action, waiting.call)
    }
    return () => {
      if (this.#recipient === recipient) this.#recipient = undefined
    }
  }

  #receive({ data, ports }: MessageEvent<WorkerMessage>): void {
    const recipient = this.#recipient
    if (data.kind === 'who') {
      const answer: PageAnswer = recipient?.isConnected() ? { userId: recipient.userId } : {}
      ports[0]?.postMessage(answer)
    } else if (recipient?.userId === data.call.calleeId) recipient.act(data.action, data.call)
    else this.#waiting = data
  }
}
