import type { ErrorCode } from './errors.ts'
import type { TraceContext } from './trace-context.ts'
import type { TraceSpan } from './tracer.ts'

/** Identifies one request of a client, or one WebSocket, in logs and traces. */
export interface RequestContext {
  /** The client's `X-Request-Id`, or a generated one. */
  readonly id: string
  /** The client's `traceparent`. */
  readonly trace?: TraceContext | undefined
  /** The span of the request or operation, if its trace is recorded. */
  readonly span?: TraceSpan | undefined
}

/** The transport of a GraphQL operation or of a live stream. */
export type Transport = 'http' | 'websocket' | 'sse' | 'rest'

/**
 * Facts about the work of the gateway, by name. All durations are in milliseconds. Fields that are documented as bounded
 * have few values and suit labels of metrics; ids, users and names given by clients do not.
 */
export interface Facts {
  /** An HTTP request was answered, or its client disconnected before. Also reported for refused upgrades. */
  request: RequestFact
  /** A WebSocket was opened. Its user is not yet known. */
  socketOpened: { readonly context: RequestContext; readonly address: string }
  /** The user of a WebSocket was authenticated. */
  socketReady: { readonly context: RequestContext; readonly userId: string; readonly duration: number }
  socketClosed: SocketClosedFact
  /** A token was refused, or is missing. The reason is bounded. */
  tokenRefused: { readonly context: RequestContext | undefined; readonly reason: TokenRefusal }
  operation: OperationFact
  /** A live stream was opened. */
  subscriptionOpened: SubscriptionFact
  /** A live stream has ended. */
  subscriptionClosed: SubscriptionFact & { readonly lifetime: number; readonly errorCode: ErrorCode | undefined }
  /** A room stream was opened with a cursor. `missed`: number of events after the cursor. */
  streamResumed: { readonly roomId: string; readonly userId: string; readonly missed: number }
  command: CommandFact
  commit: CommitFact
  /** A commit did not land because another writer preceded it; its commands are decided again. */
  conflict: { readonly roomId: string }
  /** A commit was written. `commands`: how many it decides. */
  roomEvents: {
    readonly roomId: string
    readonly events: readonly { readonly type: string }[]
    readonly commands: number
  }
  /** The commit that ends a room was written. */
  roomEnded: RoomEndedFact
  /** The callee of a p2p room answered. `duration`: from the creation of the room to its start. */
  callAnswered: { readonly roomId: string; readonly mediaType: string; readonly duration: number }
  delivery: DeliveryFact
  destination: DestinationFact
  /** A subscriber was disconnected because it does not take its messages as fast as they arrive. */
  slowConsumer: { readonly userId: string | undefined; readonly transport: Transport }
  job: JobFact
  /** Rooms with a passed deadline were claimed. `lag`: since the earliest of their deadlines. */
  deadlinesClaimed: { readonly rooms: number; readonly lag: number }
  /** A statement was sent to the database and has ended, directly or by Prisma. */
  statement: { readonly kind: 'direct' | 'prisma'; readonly failed: boolean; readonly duration: number }
  /** A media service has reported something, or somebody pretended to be one. */
  mediaEvent: { readonly service: string; readonly outcome: MediaEventOutcome }
  /** The room control of a media service was called. `refused`: another attempt would fail, too. */
  mediaControl: {
    readonly service: string
    readonly action: 'remove' | 'end' | 'lift'
    readonly outcome: 'ok' | 'failed' | 'refused'
  }
  /** A push to one subscription was attempted. All fields are bounded; `type`: whether the call rings, or why it stopped. */
  push: {
    readonly target: 'browser' | 'app'
    readonly type: string
    readonly outcome: 'accepted' | 'gone' | 'refused' | 'retry'
  }
  /** Notices were sent to the other nodes by one statement. */
  noticesSent: { readonly notices: number; readonly payloads: number; readonly duration: number }
  /** Notices of another node were received. */
  noticesReceived: { readonly notices: number }
  /** A payload that this node had sent came back from the database. `lag`: since it was sent. */
  noticesReturned: { readonly lag: number }
  /** The connection that carries notices was opened. `gap`: since it was lost; undefined for the first connection. */
  busConnected: { readonly gap: number | undefined }
}

/** Bounded. `outdated`: older than what is known, or repeated; `missed`: the service has dropped reports. */
export type MediaEventOutcome =
  | 'joined'
  | 'left'
  | 'lost'
  | 'outdated'
  | 'missed'
  | 'unknown_room'
  | 'unknown_user'
  | 'unauthenticated'

export interface RequestFact {
  readonly context: RequestContext
  readonly method: string
  /** The pattern of the path, never the path itself. Undefined if nothing is served there. Bounded. */
  readonly route: string | undefined
  /** 0 if the client disconnected before it got a status. */
  readonly status: number
  readonly errorCode: ErrorCode | undefined
  readonly userId: string | undefined
  readonly address: string
  /** From the request's head to the end of the response. */
  readonly duration: number
  /** Bytes of the request's body; 0 if it was not read. */
  readonly requestBytes: number
  /** Bytes of the response's body; undefined for an event stream. */
  readonly responseBytes: number | undefined
}

export interface SocketClosedFact {
  readonly context: RequestContext
  readonly userId: string | undefined
  /** https://www.rfc-editor.org/rfc/rfc6455#section-7.4 and the codes of graphql-ws. Bounded: given by the client, it is 1000–4999. */
  readonly code: number
  /** The gateway's reason; empty if the client closed the socket. */
  readonly reason: string
  readonly lifetime: number
}

/** A GraphQL operation has ended; for a subscription: it was opened, or refused. */
export interface OperationFact {
  readonly context: RequestContext | undefined
  readonly userId: string
  readonly transport: Transport
  /** Undefined if the document is not valid. */
  readonly kind: 'query' | 'mutation' | 'subscription' | undefined
  /** The operation's name, given by the client. */
  readonly name: string | undefined
  /** The first field of the operation. Bounded by the schema. */
  readonly field: string | undefined
  /** The codes of all errors; empty if there are none. */
  readonly errorCodes: readonly ErrorCode[]
  readonly duration: number
}

export interface SubscriptionFact {
  readonly context: RequestContext | undefined
  readonly userId: string
  readonly transport: Transport
  /** The GraphQL field, or the operation id of the REST route. Bounded by the schema. */
  readonly field: string | undefined
}

export interface CommandFact {
  readonly context: RequestContext | undefined
  readonly span: TraceSpan | undefined
  /** The type of a `RoomCommand`, or `create`. Bounded. */
  readonly type: string
  readonly roomId: string
  /** Undefined for a command of the gateway itself, such as `tick`. */
  readonly userId: string | undefined
  /** Of the room after the command; undefined if the command failed. */
  readonly seq: number | undefined
  /**
   * The code of the refusal or failure; `replayed` if a repeated `create` returned an existing room. Bounded.
   */
  readonly outcome: 'ok' | 'replayed' | ErrorCode
  /** Includes the time in the queue of the room. */
  readonly duration: number
}

/** One statement that writes commits was run. */
export interface CommitFact {
  readonly kind: 'insert' | 'update'
  /** Commits that share the statement. */
  readonly commits: number
  /** How many of them landed; the others are conflicts. Undefined if the statement failed. */
  readonly landed: number | undefined
  /** Rows of events and participants. */
  readonly rows: number
  /** The spans of the commands that the commits write; empty if none is recorded. */
  readonly causes: readonly TraceSpan[]
  readonly duration: number
}

export interface RoomEndedFact {
  readonly roomId: string
  /** `p2p` or `group`. */
  readonly type: string
  readonly mediaType: string
  readonly provider: string
  /** Bounded. */
  readonly endReason: string
  /** In p2p, how far the ring got; null if nothing rang, and in groups. Bounded. */
  readonly reach: string | null
  /** How long the room was active; undefined if it never was. */
  readonly duration: number | undefined
}

/** Messages of live streams were handed to connections. */
export interface DeliveryFact {
  /** `live`: one message for a whole group; `backfill` and `single`: messages created for one subscriber. */
  readonly kind: 'live' | 'backfill' | 'single'
  /** Number of subscribers that the message was handed to. */
  readonly subscribers: number
  /** Size of the message. */
  readonly bytes: number
  /** From the update's arrival at the group to the last subscriber; undefined except for `live`. */
  readonly duration: number | undefined
  /** The span of the command that caused the event; undefined if it is not recorded, or at another node. */
  readonly cause?: TraceSpan | undefined
}

export const DESTINATION_OUTCOMES = ['delivered', 'retry', 'given up', 'disable', 'purged'] as const

/** One attempt to deliver an event to a destination outside of the gateway has ended. */
export interface DestinationFact {
  readonly id: string
  /** Bounded. */
  readonly kind: string
  /** `purged`: the room was deleted before its events were delivered. Bounded. */
  readonly outcome: (typeof DESTINATION_OUTCOMES)[number]
  readonly duration: number
}

/** A periodic job has run. */
export interface JobFact {
  /** Bounded. */
  readonly name: string
  readonly failed: boolean
  readonly duration: number
  /** How much later than planned the run began. */
  readonly lag: number
}

/** Why a token was refused. `missing` also covers an authorization without a bearer token. */
export const TOKEN_REFUSALS = [
  'missing',
  'malformed',
  'algorithm',
  'signature',
  'unknown_key',
  'ambiguous_key',
  'expired',
  'not_yet_valid',
  'claim_missing',
  'claim_mismatch',
  'user_invalid',
  'other',
] as const
export type TokenRefusal = (typeof TOKEN_REFUSALS)[number]

/**
 * Receives facts. Handlers are synchronous and cheap, and must not keep the object. A fact that nobody handles is not even
 * created: report with `observer.command?.({ … })`.
 */
export type Observer = { readonly [Name in keyof Facts]?: (fact: Facts[Name]) => void }

/** Observes nothing. */
export const noObserver: Observer = {}

const NAMES: readonly (keyof Facts)[] = Object.keys({
  request: true,
  socketOpened: true,
  socketReady: true,
  socketClosed: true,
  tokenRefused: true,
  operation: true,
  subscriptionOpened: true,
  subscriptionClosed: true,
  streamResumed: true,
  command: true,
  commit: true,
  conflict: true,
  roomEvents: true,
  roomEnded: true,
  callAnswered: true,
  delivery: true,
  destination: true,
  slowConsumer: true,
  job: true,
  deadlinesClaimed: true,
  statement: true,
  mediaEvent: true,
  mediaControl: true,
  push: true,
  noticesSent: true,
  noticesReceived: true,
  noticesReturned: true,
  busConnected: true,
} satisfies Record<keyof Facts, true>) as (keyof Facts)[]

/**
 * Combines observers into one that passes every fact to each of them. A handler that throws affects neither the caller nor
 * the other observers.
 *
 * @param onError - called with what a handler threw; must not throw
 */
export function combineObservers(
  observers: readonly Observer[],
  onError: (error: unknown, name: keyof Facts) => void,
): Observer {
  const combined: Observer = {}
  for (const name of NAMES) {
    const handler = combineHandlers(name, observers, onError)
    if (handler) Object.assign(combined, { [name]: handler })
  }
  return combined
}

function combineHandlers<Name extends keyof Facts>(
  name: Name,
  observers: readonly Observer[],
  onError: (error: unknown, name: keyof Facts) => void,
): ((fact: Facts[Name]) => void) | undefined {
  const interested = observers.filter((observer) => observer[name] !== undefined)
  if (interested.length === 0) return undefined
  return (fact) => {
    for (const observer of interested) {
      try {
        observer[name]?.(fact)
      } catch (error) {
        onError(error, name)
      }
    }
  }
}
