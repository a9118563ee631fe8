import type { Clock } from '../core/clock.ts'
import { RtcError, shorten } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Observer } from '../core/observer.ts'
import type { HttpReply, HttpRequest } from '../http/message.ts'
import { MethodNotAllowed } from '../http/method.ts'
import { hookVariablesOf, type Hooks, MEDIA_SERVICES, type MediaService } from '../media/providers.ts'
import { problemReply } from '../rest/problem.ts'
import type { MediaReconciler } from './reconciler.ts'

/** Path prefix of the webhooks of media services. The name of the service follows. */
export const WEBHOOK_PREFIX = '/webhooks/'

const serviceOf = (path: string): MediaService | undefined =>
  MEDIA_SERVICES.find((name) => path === WEBHOOK_PREFIX + name)

/** The path of a webhook; undefined for any other path. */
export const webhookRoute = (path: string): string | undefined => serviceOf(path) && path

/** Bytes of a request: metadata of a LiveKit room alone may have 64 KiB. */
const BODY_LIMIT = 256 * 1024

interface Dependencies {
  readonly hooks: Hooks
  readonly reconciler: Pick<MediaReconciler, 'receive'>
  readonly clock: Clock
  readonly log: Logger
  readonly observer: Observer
}

/**
 * Handles every request below the prefix. Never rejects. The requests carry no token: the signature of the service
 * authenticates them, and nothing of the body is used before it is verified.
 */
export function createWebhookDoor(dependencies: Dependencies): (request: HttpRequest) => Promise<HttpReply> {
  const { hooks, reconciler, clock, log, observer } = dependencies
  return async (request) => {
    const { method, headers, url } = request
    const service = serviceOf(url.pathname)
    try {
      if (!service) throw new RtcError('NOT_FOUND', `${shorten(url.pathname)} does not exist.`)
      if (method !== 'POST') throw new MethodNotAllowed(method, ['POST'])
      const hook = hooks[service]
      if (!hook) {
        const variables = hookVariablesOf(service).join(', ')
        throw new RtcError('PROVIDER_NOT_CONFIGURED', `The webhooks of ${service} require ${variables}.`)
      }
      const body = await request.body(BODY_LIMIT)
      await reconciler.receive(service, await hook.receive({ headers, body, now: clock.now() }))
      return {
        status: 200,
        headers: { 'Content-Type': 'application/json; charset=utf-8', 'Cache-Control': 'no-store' },
        body: hook.reply,
      }
    } catch (error) {
      if (service && error instanceof RtcError && error.code === 'UNAUTHENTICATED') {
        observer.mediaEvent?.({ service, outcome: 'unauthenticated' })
      }
      return problemReply(error, { instance: url.pathname, log })
    }
  }
}
