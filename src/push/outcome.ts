/** What became of one push to one subscription. Bounded; a label of metrics. */
export type PushOutcome =
  /** A push service has taken the message. */
  | { readonly kind: 'accepted' }
  /** The subscription no longer exists. */
  | { readonly kind: 'gone' }
  /** The push service will never take it. */
  | { readonly kind: 'refused'; readonly reason: string }
  | {
      readonly kind: 'retry'
      readonly reason: string
      /** Milliseconds for which the push service asks not to be called. */
      readonly after: number | undefined
    }

/** Too many requests, and failures of the server, may be repeated: https://www.rfc-editor.org/rfc/rfc8030#section-8.4 */
export const isTemporary = (status: number): boolean => status === 429 || status >= 500

/** The reason of a failed attempt without a response. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.slice(0, 200) || 'no response'
}
