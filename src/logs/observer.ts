import type { Logger } from '../core/logger.ts'
import type { Facts, Observer, RequestContext } from '../core/observer.ts'
import type { LogConfig } from './variables.ts'

/** Operation names are given by clients. */
const NAME_MAX = 100

/**
 * Writes a line for each fact that operators read: at `info` requests, sockets, commands, refused tokens and ended rooms; at
 * `debug` operations, streams and the work of the gateway itself; at `trace` single statements and messages. No line
 * contains what a client sent, except ids and the operation's name. Handlers of levels that are off do not exist.
 */
export function createLogObserver(log: Logger, { requests }: Pick<LogConfig, 'requests'>): Observer {
  const isKept = samplerOf(requests)
  return {
    ...(log.isLevelEnabled('info') && infoObserver(log, isKept)),
    ...(log.isLevelEnabled('debug') && debugObserver(log)),
    ...(log.isLevelEnabled('trace') && traceObserver(log)),
  }
}

function infoObserver(log: Logger, isKept: Sampler): Observer {
  return {
    request(fact) {
      const { context, method, route, status, errorCode, userId, address, duration, requestBytes, responseBytes } = fact
      if (!isKept(context, status >= 400 || status === 0)) return
      log[isProbe(route) ? 'debug' : 'info'](
        {
          ...idsOf(context),
          method,
          route,
          status,
          code: errorCode,
          userId,
          address,
          durationMs: rounded(duration),
          requestBytes,
          responseBytes,
        },
        'request',
      )
    },
    socketOpened({ context, address }) {
      if (isKept(context, false)) log.info({ ...idsOf(context), address }, 'socket opened')
    },
    socketReady({ context, userId, duration }) {
      if (isKept(context, false)) log.info({ ...idsOf(context), userId, durationMs: rounded(duration) }, 'socket ready')
    },
    socketClosed({ context, userId, code, reason, lifetime }) {
      if (!isKept(context, !NORMAL_CLOSURES.has(code))) return
      const durationMs = rounded(lifetime)
      log.info({ ...idsOf(context), userId, code, reason: reason || undefined, durationMs }, 'socket closed')
    },
    tokenRefused({ context, reason }) {
      log.info({ ...idsOf(context), reason }, 'token refused')
    },
    command({ context, type, roomId, userId, seq, outcome, duration }) {
      if (!isKept(context, outcome !== 'ok' && outcome !== 'replayed')) return
      // Commands of the gateway itself, such as passed deadlines, are too many for `info`.
      log[userId === undefined ? 'debug' : 'info'](
        { ...idsOf(context), type, roomId, userId, seq, outcome, durationMs: rounded(duration) },
        'command',
      )
    },
    roomEnded({ roomId, type, mediaType, provider, endReason, reach, duration }) {
      const durationMs = duration === undefined ? undefined : rounded(duration)
      log.info({ roomId, type, mediaType, provider, endReason, reach: reach ?? undefined, durationMs }, 'room ended')
    },
    slowConsumer({ userId, transport }) {
      log.info({ userId, transport }, 'slow consumer disconnected')
    },
    busConnected({ gap }) {
      const gapMs = gap === undefined ? undefined : rounded(gap)
      log.info({ gapMs }, 'connected to the other nodes')
    },
  }
}

function debugObserver(log: Logger): Observer {
  return {
    operation({ context, userId, transport, kind, name, field, errorCodes, duration }) {
      const codes = errorCodes.length > 0 ? errorCodes : undefined
      const shortName = name?.slice(0, NAME_MAX)
      const durationMs = rounded(duration)
      log.debug({ ...idsOf(context), userId, transport, kind, name: shortName, field, codes, durationMs }, 'operation')
    },
    subscriptionOpened({ context, userId, transport, field }) {
      log.debug({ ...idsOf(context), userId, transport, field }, 'stream opened')
    },
    subscriptionClosed({ context, userId, transport, field, lifetime, errorCode }) {
      const fields = { ...idsOf(context), userId, transport, field, code: errorCode, durationMs: rounded(lifetime) }
      log.debug(fields, 'stream closed')
    },
    streamResumed({ roomId, userId, missed }) {
      log.debug({ roomId, userId, missed }, 'stream resumed')
    },
    callAnswered({ roomId, mediaType, duration }) {
      log.debug({ roomId, mediaType, durationMs: rounded(duration) }, 'call answered')
    },
    conflict({ roomId }) {
      log.debug({ roomId }, 'conflict')
    },
    deadlinesClaimed({ rooms, lag }) {
      log.debug({ rooms, lagMs: rounded(lag) }, 'deadlines passed')
    },
  }
}

function traceObserver(log: Logger): Observer {
  return {
    commit({ kind, commits, landed, rows, duration }) {
      log.trace({ kind, commits, landed, rows, durationMs: rounded(duration) }, 'commit')
    },
    delivery({ kind, subscribers, bytes, duration }) {
      const durationMs = duration === undefined ? undefined : rounded(duration)
      log.trace({ kind, subscribers, bytes, durationMs }, 'delivery')
    },
    job({ name, failed, duration, lag }) {
      log.trace({ name, failed, durationMs: rounded(duration), lagMs: rounded(lag) }, 'job')
    },
    noticesSent({ notices, payloads, duration }) {
      log.trace({ notices, payloads, durationMs: rounded(duration) }, 'notices sent')
    },
    noticesReceived({ notices }) {
      log.trace({ notices }, 'notices received')
    },
  }
}

/** Reports an observer that throws; once per fact, because facts are frequent. */
export function createObserverErrorLog(log: Logger): (error: unknown, name: keyof Facts) => void {
  const logged = new Set<keyof Facts>()
  return (error, name) => {
    if (logged.has(name)) return
    logged.add(name)
    log.error({ err: error, fact: name }, 'an observer failed; further failures on this fact are not logged')
  }
}

type Sampler = (context: RequestContext | undefined, failed: boolean) => boolean

/**
 * Decides by the request's id, so that the lines of one request are kept or left out together. Failed ones are kept.
 */
function samplerOf(requests: LogConfig['requests']): Sampler {
  if (requests === 'all' || requests === 1) return () => true
  if (requests === 'errors' || requests === 0) return (context, failed) => failed || context === undefined
  const limit = requests * 2 ** 32
  return (context, failed) => failed || context === undefined || hashOf(context.id) < limit
}

/** FNV-1a with 32 bits: http://www.isthe.com/chongo/tech/comp/fnv/ */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  return hash >>> 0
}

/** Normal closure, going away, no code, connection lost, restart of the gateway. */
const NORMAL_CLOSURES: ReadonlySet<number> = new Set([1000, 1001, 1005, 1006, 1012])

/** Requests of supervisors, every few seconds. */
const isProbe = (route: string | undefined): boolean => route === '/metrics' || route?.startsWith('/health/') === true

const idsOf = (context: RequestContext | undefined) => ({
  requestId: context?.id,
  traceId: context?.span?.traceId ?? context?.trace?.traceId,
})

/** Milliseconds with two decimals. */
const rounded = (milliseconds: number): number => Math.round(milliseconds * 100) / 100
