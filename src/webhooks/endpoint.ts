import { createHash } from 'node:crypto'
import type { Clock } from '../core/clock.ts'
import type { DeliveryOutcome, Destination } from '../delivery/destination.ts'
import { DELIVERED } from '../delivery/destination.ts'
import { messagesOf, type WebhookMessage } from './message.ts'
import type { WebhookSender } from './sender.ts'
import { type SigningKeys, signedHeaders } from './signature.ts'
import {
  type ConfiguredState,
  destinationIdOf,
  type DeliveryStatus,
  type StoredEndpoint,
  type WebhookStore,
} from './store.ts'
import { eventTypesFor, WEBHOOK_TYPES } from './types.ts'
import { problemOfUrl, type UrlRules } from './url-rules.ts'

/** An endpoint, of the configuration or stored. */
export interface WebhookEndpoint {
  readonly id: string
  readonly url: string
  readonly types: ReadonlySet<string>
  readonly description: string | null
  readonly roomId: string | null
  readonly enabled: boolean
  /** When it was last enabled; null for an endpoint of the configuration that was always enabled. */
  readonly enabledAt: Date | null
  readonly disabledReason: string | null
  /** Named by WEBHOOK_URLS: mutations can only enable and disable it. */
  readonly configured: boolean
  readonly createdAt: Date | null
  readonly secrets: readonly string[]
}

export function endpointOf(stored: StoredEndpoint, now: Date): WebhookEndpoint {
  const { secret, previousSecret, previousUntil, types, ...rest } = stored
  const previous = previousSecret !== null && previousUntil !== null && previousUntil > now ? [previousSecret] : []
  return { ...rest, types: typesOf(types), configured: false, secrets: [secret, ...previous] }
}

/** The id depends on the URL alone, so that the cursor survives restarts. */
export const configuredEndpoint = (url: string, secrets: readonly string[]): WebhookEndpoint => ({
  id: `env-${createHash('sha256').update(url).digest('hex').slice(0, 24)}`,
  url,
  types: typesOf([]),
  description: null,
  roomId: null,
  enabled: true,
  enabledAt: null,
  disabledReason: null,
  configured: true,
  createdAt: null,
  secrets,
})

/** An endpoint of the configuration with what has become of it. */
export const withState = (endpoint: WebhookEndpoint, state: ConfiguredState | undefined): WebhookEndpoint =>
  state ? { ...endpoint, enabled: state.disabledReason === null, ...state } : endpoint

/** An empty list stands for all types. */
const typesOf = (types: readonly string[]): ReadonlySet<string> => new Set(types.length > 0 ? types : WEBHOOK_TYPES)

const [SECOND, MINUTE, HOUR] = [1_000, 60_000, 3_600_000]
/** The delays that Standard Webhooks recommends, after the attempts 1 to 9. The tenth attempt is the last. */
export const DELAYS: readonly number[] = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
]
/** Delays vary by up to a tenth in both directions. */
const JITTER = 0.1
/** Milliseconds for which an overloaded endpoint gets nothing, unless it names another time by Retry-After. */
const OVERLOAD_PAUSE = 5_000
/** Rooms whose messages are sent at the same time. */
const PARALLEL = 64
/** Longest text of an error in the record of a delivery, in characters. */
const ERROR_MAX = 200

export interface EndpointDependencies {
  readonly sender: Pick<WebhookSender, 'post'>
  readonly store: Pick<WebhookStore, 'record' | 'delivered' | 'update' | 'updateConfigured'>
  readonly ed25519: SigningKeys['ed25519']
  /** Those of now: the configuration may have changed since an endpoint was created. */
  readonly rules: UrlRules
  readonly clock: Clock
  newId(): string
}

/** The result of one attempt to send one message. */
type Attempt =
  | { readonly responseStatus: number; readonly retryAfter: number | undefined; readonly error: null }
  | { readonly responseStatus: null; readonly error: string }

/** @param replay - delivers a backlog again; `messageId`: only this message */
export function destinationOf(
  endpoint: WebhookEndpoint,
  dependencies: EndpointDependencies,
  replay?: { readonly id: string; readonly messageId: string | null },
): Destination {
  const { sender, store, ed25519, rules, clock, newId } = dependencies
  const eventTypes = eventTypesFor(endpoint.types)

  const send = async (message: WebhookMessage, signal: AbortSignal): Promise<Attempt> => {
    const problem = problemOfUrl(endpoint.url, rules)
    if (problem) return { responseStatus: null, error: `the URL ${problem}` }
    const headers = signedHeaders(message, { secrets: endpoint.secrets, ed25519 }, clock.now())
    try {
      const { status, retryAfter } = await sender.post({ url: endpoint.url, headers, body: message.body, signal })
      return { responseStatus: status, retryAfter, error: null }
    } catch (error) {
      signal.throwIfAborted()
      const text = error instanceof Error ? error.message : String(error)
      return { responseStatus: null, error: text.slice(0, ERROR_MAX) || 'no response' }
    }
  }

  const record = async (message: WebhookMessage, attempt: Attempt, status: DeliveryStatus, attempts: number) => {
    const { id: messageId, type, roomId, seq } = message
    const { responseStatus, error } = attempt
    const now = clock.now()
    await store.record({
      id: newId(),
      endpointId: endpoint.id,
      messageId,
      type,
      roomId,
      seq,
      status,
      attempts,
      responseStatus,
      error,
      createdAt: now,
      attemptedAt: now,
    })
  }

  /** Sends one message; undefined if it was received. */
  const deliver = async (
    message: WebhookMessage,
    { number, isLast, signal }: { number: number; isLast: boolean; signal: AbortSignal },
  ): Promise<DeliveryOutcome | undefined> => {
    const attempt = await send(message, signal)
    const outcome = outcomeOf(attempt)
    const status = outcome.kind === 'delivered' ? 'delivered' : isLast && outcome.kind === 'retry' ? 'dead' : 'retrying'
    await record(message, attempt, status, number)
    if (outcome.kind === 'disable') {
      const disabledReason = 'The endpoint answered 410 Gone.'
      if (endpoint.configured)
        await store.updateConfigured(endpoint.id, { disabledReason, enabledAt: endpoint.enabledAt })
      else await store.update(endpoint.id, { enabled: false, disabledReason })
    }
    return outcome.kind === 'delivered' ? undefined : outcome
  }

  return {
    id: replay?.id ?? destinationIdOf(endpoint.id),
    kind: 'webhook',
    version: endpoint.enabledAt?.toISOString() ?? '',
    follows: !replay,
    parallel: PARALLEL,
    wants: ({ roomId, type }) => (endpoint.roomId ?? roomId) === roomId && eventTypes.has(type),
    delayAfter(attempts) {
      const delay = DELAYS[attempts - 1]
      return delay === undefined ? null : delay * (1 - JITTER + 2 * JITTER * Math.random())
    },
    async deliver(update, { number, isLast, before, next, signal }) {
      let messages = messagesOf({ update, before, next }, endpoint.types)
      if (replay?.messageId) messages = messages.filter(({ id }) => id === replay.messageId)
      // Of an event with several messages, only those that failed are sent again.
      const received =
        number > 1 && messages.length > 1
          ? await store.delivered(
              endpoint.id,
              messages.map(({ id }) => id),
            )
          : new Set<string>()
      let failure: DeliveryOutcome | undefined
      for (const message of messages.filter(({ id }) => !received.has(id))) {
        const outcome = await deliver(message, { number, isLast, signal })
        failure ??= outcome
        // The last attempt continues, so that each message gets its own record.
        if (failure && !(isLast && failure.kind === 'retry')) return failure
      }
      return failure ?? DELIVERED
    },
  }
}

/** Only 2xx is a success: a redirect is a failure. 410 disables the endpoint; 429 and 5xx slow the gateway down. */
function outcomeOf(attempt: Attempt): DeliveryOutcome {
  if (attempt.responseStatus === null) return { kind: 'retry' }
  const { responseStatus: status, retryAfter } = attempt
  if (status >= 200 && status < 300) return DELIVERED
  if (status === 410) return { kind: 'disable' }
  const after = retryAfter === undefined ? {} : { after: retryAfter }
  if (status !== 429 && status < 500) return { kind: 'retry', ...after }
  return { kind: 'retry', ...after, pause: retryAfter ?? OVERLOAD_PAUSE }
}
