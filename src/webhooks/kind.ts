import type { Destination, DestinationKind } from '../delivery/destination.ts'
import {
  configuredEndpoint,
  destinationOf,
  type EndpointDependencies,
  endpointOf,
  type WebhookEndpoint,
  withState,
} from './endpoint.ts'
import { parseReplayId, type WebhookStore } from './store.ts'

interface Dependencies extends EndpointDependencies {
  readonly store: WebhookStore
  readonly urls: readonly string[]
  readonly secrets: readonly string[]
}

/** The endpoints of the configuration. */
export const configuredEndpoints = ({ urls, secrets }: Pick<Dependencies, 'urls' | 'secrets'>): WebhookEndpoint[] =>
  [...new Set(urls)].map((url) => configuredEndpoint(url, secrets))

/** The enabled endpoints, of the configuration and stored, and their replays. */
export function createWebhookKind(dependencies: Dependencies): DestinationKind {
  const { store, clock } = dependencies
  const configured = configuredEndpoints(dependencies)

  return {
    async list() {
      const [stored, states] = await Promise.all([store.endpoints(), store.configuredStates(configured)])
      const endpoints = [
        ...configured.map((endpoint) => withState(endpoint, states.get(endpoint.id))),
        ...stored.map((endpoint) => endpointOf(endpoint, clock.now())),
      ]
      const enabled = new Map(
        endpoints.filter((endpoint) => endpoint.enabled).map((endpoint) => [endpoint.id, endpoint]),
      )
      if (enabled.size === 0) return []
      const destinations: Destination[] = [...enabled.values()].map((endpoint) => destinationOf(endpoint, dependencies))
      for (const id of await store.replays()) {
        const { endpointId, messageId } = parseReplayId(id)
        const endpoint = enabled.get(endpointId)
        if (endpoint) destinations.push(destinationOf(endpoint, dependencies, { id, messageId }))
      }
      return destinations
    },
  }
}
