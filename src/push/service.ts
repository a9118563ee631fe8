import type { Actor } from '../core/actor.ts'
import type { Clock } from '../core/clock.ts'
import { badInput, RtcError } from '../core/errors.ts'
import type { Rates } from '../limits/rates.ts'
import { type EndpointRules, problemOfEndpoint } from './endpoint-rules.ts'
import type { AppSubscription, BrowserSubscription, SomeSubscription } from './input.ts'
import type { PushStore, PushSubscription, PushTarget } from './store.ts'

/** The use cases of push subscriptions. Every user manages their own. */
export interface PushService {
  /** For `applicationServerKey` of `pushManager.subscribe`; null if Web Push is off. */
  readonly publicKey: string | null
  /**
   * Idempotent. A browser that another user has registered becomes this user's.
   *
   * @throws RtcError PROVIDER_NOT_CONFIGURED if Web Push is off; BAD_USER_INPUT for an endpoint that is not allowed
   */
  registerBrowser(actor: Actor, subscription: BrowserSubscription): Promise<PushSubscription>
  /**
   * Idempotent, like `registerBrowser`.
   *
   * @throws RtcError PROVIDER_NOT_CONFIGURED without a push gateway
   */
  registerApp(actor: Actor, subscription: AppSubscription): Promise<PushSubscription>
  /** Idempotent. @returns the id of the subscription; null if there was none */
  unregister(actor: Actor, subscription: SomeSubscription): Promise<string | null>
  list(actor: Actor): Promise<readonly PushSubscription[]>
}

export function createPushService(dependencies: {
  readonly store: PushStore
  readonly publicKey: string | undefined
  readonly hasGateway: boolean
  readonly rules: EndpointRules
  readonly rates: Pick<Rates, 'count'>
  readonly clock: Clock
  newId(): string
}): PushService {
  const { store, publicKey, hasGateway, rules, rates, clock, newId } = dependencies

  const register = (actor: Actor, target: PushTarget, deviceId: string | null): Promise<PushSubscription> => {
    const now = clock.now()
    return store.put({ id: newId(), userId: actor.id, deviceId, target, createdAt: now, usedAt: now })
  }

  return {
    publicKey: publicKey ?? null,

    async registerBrowser(actor, { endpoint, keys, deviceId }) {
      rates.count(actor, 'command')
      if (publicKey === undefined) {
        throw new RtcError('PROVIDER_NOT_CONFIGURED', 'Web Push is off: the gateway has no VAPID_PUBLIC_KEY.')
      }
      const problem = problemOfEndpoint(endpoint, rules)
      if (problem) throw badInput([{ path: 'endpoint', message: problem }])
      return register(actor, { kind: 'browser', endpoint, keys }, deviceId)
    },

    async registerApp(actor, { appId, pushkey, data, deviceId }) {
      rates.count(actor, 'command')
      if (!hasGateway) {
        throw new RtcError('PROVIDER_NOT_CONFIGURED', 'Apps cannot be pushed to: the gateway has no PUSH_GATEWAY_URL.')
      }
      return register(actor, { kind: 'app', appId, pushkey, data: data ?? {} }, deviceId)
    },

    async unregister(actor, { id, endpoint }) {
      rates.count(actor, 'command')
      if (id !== null) return store.remove(actor.id, { id })
      return endpoint === null ? null : store.remove(actor.id, { endpoint })
    },

    async list(actor) {
      rates.count(actor, 'command')
      return store.list(actor.id)
    },
  }
}
