import type { Actor } from '../core/actor.ts'
import type { Clock } from '../core/clock.ts'
import { badInput, RtcError } from '../core/errors.ts'
import { isRoomId } from '../core/ids.ts'
import type { DeliveryStore } from '../delivery/store.ts'
import { requireAdmin } from '../rooms/policy.ts'
import { endpointOf, type WebhookEndpoint, withState } from './endpoint.ts'
import type { DeliveriesQuery, EndpointChanges, NewEndpoint, Replay } from './input.ts'
import { newSecret } from './signature.ts'
import { destinationIdOf, replayIdOf, type StoredEndpoint, type WebhookDelivery, type WebhookStore } from './store.ts'
import { eventTypesFor } from './types.ts'
import { problemOfUrl, type UrlRules } from './url-rules.ts'

/** An endpoint with its secret, which is shown only once. */
export interface EndpointWithSecret {
  readonly endpoint: WebhookEndpoint
  readonly secret: string
}

/** The use cases of webhooks. Each of them throws RtcError FORBIDDEN without the scope rtc:admin. */
export interface WebhookService {
  /** @throws RtcError BAD_USER_INPUT for a URL that is not allowed; CONFLICT for more than 100 endpoints */
  create(actor: Actor, endpoint: NewEndpoint): Promise<EndpointWithSecret>
  /** @throws RtcError NOT_FOUND; CONFLICT for an endpoint of the configuration, except to enable or disable it */
  update(actor: Actor, changes: EndpointChanges): Promise<WebhookEndpoint>
  /** @throws RtcError NOT_FOUND; CONFLICT for an endpoint of the configuration */
  delete(actor: Actor, id: string): Promise<void>
  /** For a day, messages are signed with the previous secret, too. */
  rotateSecret(actor: Actor, id: string): Promise<EndpointWithSecret>
  list(actor: Actor): Promise<readonly WebhookEndpoint[]>
  deliveries(actor: Actor, query: DeliveriesQuery): Promise<{ items: readonly WebhookDelivery[]; hasNextPage: boolean }>
  /** Sends a message again, whatever became of it. */
  redeliver(actor: Actor, deliveryId: string): Promise<WebhookDelivery>
  /** Sends the events of a time again. @returns the number of rooms with such events */
  replay(actor: Actor, replay: Replay): Promise<{ readonly rooms: number }>
}

const ENDPOINTS_MAX = 100
/** Replays that may be in progress, of all endpoints together. */
const REPLAYS_MAX = 100
/** Seconds for which the previous secret signs, too. */
const ROTATION = 86_400

export interface WebhookServiceDependencies {
  readonly store: WebhookStore
  readonly deliveries: Pick<DeliveryStore, 'begin'>
  /** The endpoints have changed. */
  onChange(): void
  /** Called before an administrator's action is carried out. */
  onAdminAction(actor: Actor): Promise<void>
  readonly configured: readonly WebhookEndpoint[]
  readonly rules: UrlRules
  readonly clock: Clock
  newId(): string
}

export function createWebhookService(dependencies: WebhookServiceDependencies): WebhookService {
  const { store, deliveries, onChange, onAdminAction, configured, rules, clock, newId } = dependencies

  const requireAllowed = (url: string): void => {
    const problem = problemOfUrl(url, rules)
    if (problem) throw badInput([{ path: 'url', message: problem }])
  }

  /** @throws RtcError unless a mutation may change the endpoint */
  const requireStored = async (id: string): Promise<StoredEndpoint> => {
    if (configured.some((endpoint) => endpoint.id === id)) {
      throw new RtcError(
        'CONFLICT',
        'This endpoint is named by WEBHOOK_URLS: it can be enabled and disabled, and the configuration changes the rest.',
      )
    }
    const endpoint = isRoomId(id) ? await store.endpoint(id) : null
    if (!endpoint) throw new RtcError('NOT_FOUND', 'There is no such webhook endpoint.')
    return endpoint
  }

  const find = async (id: string): Promise<WebhookEndpoint> =>
    configured.find((endpoint) => endpoint.id === id) ?? endpointOf(await requireStored(id), clock.now())

  const change = async (id: string, changes: Partial<StoredEndpoint>): Promise<WebhookEndpoint> => {
    const changed = await store.update(id, changes)
    if (!changed) throw new RtcError('NOT_FOUND', 'There is no such webhook endpoint.')
    onChange()
    return endpointOf(changed, clock.now())
  }

  /** Enables or disables an endpoint of the configuration. */
  const enableConfigured = async (endpoint: WebhookEndpoint, enabled: boolean): Promise<WebhookEndpoint> => {
    const state = { disabledReason: enabled ? null : 'Disabled by an administrator.', enabledAt: clock.now() }
    await store.updateConfigured(endpoint.id, state)
    onChange()
    return withState(endpoint, state)
  }

  const requireReplayAllowed = async (): Promise<void> => {
    if ((await store.replays()).length < REPLAYS_MAX) return
    throw new RtcError('CONFLICT', `At most ${REPLAYS_MAX} replays may be in progress.`)
  }

  return {
    async create(actor, { url, types, ...fields }) {
      requireAdmin(actor)
      requireAllowed(url)
      await onAdminAction(actor)
      const [id, secret] = [newId(), newSecret()]
      const endpoint: StoredEndpoint = {
        ...fields,
        id,
        url,
        secret,
        types: types ?? [],
        enabled: true,
        enabledAt: clock.now(),
        disabledReason: null,
        previousSecret: null,
        previousUntil: null,
        createdAt: clock.now(),
      }
      // The cursor first: events after the response are delivered, whichever node begins when.
      await deliveries.begin([destinationIdOf(id)])
      if (!(await store.insert(endpoint, ENDPOINTS_MAX))) {
        await store.delete(id)
        throw new RtcError('CONFLICT', `At most ${ENDPOINTS_MAX} webhook endpoints can be created.`)
      }
      onChange()
      return { endpoint: endpointOf(endpoint, clock.now()), secret }
    },

    async update(actor, { id, url, types, enabled, ...nullable }) {
      requireAdmin(actor)
      const named = configured.find((endpoint) => endpoint.id === id)
      const isOnlyEnabled = [url, types, ...Object.values(nullable)].every((change) => change === undefined)
      if (named && typeof enabled === 'boolean' && isOnlyEnabled) {
        await onAdminAction(actor)
        return enableConfigured(named, enabled)
      }
      await requireStored(id)
      if (typeof url === 'string') requireAllowed(url)
      await onAdminAction(actor)
      const { description, roomId } = nullable
      return change(id, {
        ...(typeof url === 'string' && { url }),
        ...(types && { types }),
        ...(typeof enabled === 'boolean' && { enabled, enabledAt: clock.now(), disabledReason: null }),
        ...(description !== undefined && { description }),
        ...(roomId !== undefined && { roomId }),
      })
    },

    async delete(actor, id) {
      requireAdmin(actor)
      await requireStored(id)
      await onAdminAction(actor)
      await store.delete(id)
      onChange()
    },

    async rotateSecret(actor, id) {
      requireAdmin(actor)
      const before = await requireStored(id)
      await onAdminAction(actor)
      const secret = newSecret()
      const previousUntil = new Date(clock.now().getTime() + ROTATION * 1000)
      return { endpoint: await change(id, { secret, previousSecret: before.secret, previousUntil }), secret }
    },

    async list(actor) {
      requireAdmin(actor)
      const [stored, states] = await Promise.all([store.endpoints(), store.configuredStates(configured)])
      return [
        ...configured.map((endpoint) => withState(endpoint, states.get(endpoint.id))),
        ...stored.map((endpoint) => endpointOf(endpoint, clock.now())),
      ]
    },

    async deliveries(actor, { first, ...query }) {
      requireAdmin(actor)
      await find(query.endpointId)
      const found = await store.deliveries({ ...query, limit: first + 1 })
      return { items: found.slice(0, first), hasNextPage: found.length > first }
    },

    async redeliver(actor, deliveryId) {
      requireAdmin(actor)
      const delivery = isRoomId(deliveryId) ? await store.delivery(deliveryId) : null
      if (!delivery) throw new RtcError('NOT_FOUND', 'There is no such delivery.')
      const { endpointId, messageId } = delivery
      await find(endpointId)
      await requireReplayAllowed()
      await onAdminAction(actor)
      await store.replayEvent(replayIdOf(endpointId, newId(), messageId), delivery, clock.now())
      onChange()
      return delivery
    },

    async replay(actor, { endpointId, from, to }) {
      requireAdmin(actor)
      const { roomId, types } = await find(endpointId)
      await requireReplayAllowed()
      await onAdminAction(actor)
      const range = { from, to, roomId, types: eventTypesFor(types) }
      const rooms = await store.replayRange(replayIdOf(endpointId, newId()), range, clock.now())
      if (rooms === null) {
        throw badInput([{ path: 'from', message: 'more than 5000 rooms have events in this time; use shorter ones' }])
      }
      onChange()
      return { rooms }
    },
  }
}
