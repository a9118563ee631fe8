/** What the gateway pushes: docs/push.md, "Messages". */
export interface PushedCall {
  readonly type: 'ringing' | 'answered' | 'cancelled' | 'rejected' | 'missed'
  readonly callId: string
  readonly roomType: string
  readonly roomName: string | null
  readonly callerId: string
  readonly calleeId: string
  readonly mediaType: string
  readonly deadline: string
}

/** What the user has chosen on a notification. */
export type CallAction = 'answer' | 'decline' | 'open'

/** A message from the service worker to a page. */
export type WorkerMessage =
  /** Asks whose calls the page shows; the answer is a {@link PageAnswer}. */
  { readonly kind: 'who' } | { readonly kind: 'act'; readonly action: CallAction; readonly call: PushedCall }

export interface PageAnswer {
  /** Absent while nobody is signed in, or while the page has no connection. */
  readonly userId?: string
}
