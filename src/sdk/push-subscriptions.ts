import type { Gateway } from './gateway.ts'
import {
  RegisterPushAppDocument,
  RegisterPushSubscriptionDocument,
  UnregisterPushSubscriptionDocument,
  WebPushPublicKeyDocument,
} from './generated/graphql.ts'
import type { BrowserPushSubscription, PushAppOptions } from './options.ts'
import { badInput, checkOptions, json, nonEmptyString } from './validators.ts'

const APP = { appId: nonEmptyString, pushkey: nonEmptyString, data: json, deviceId: nonEmptyString }
const NAME = { id: nonEmptyString, endpoint: nonEmptyString }

/** Where the user's incoming calls are pushed to, which the gateway stores. */
export class PushSubscriptions {
  readonly #gateway: Gateway

  constructor(gateway: Gateway) {
    this.#gateway = gateway
  }

  async publicKey(): Promise<string | null> {
    return (await this.#gateway.request(WebPushPublicKeyDocument, {})).webPushPublicKey ?? null
  }

  async registerBrowser(
    given: BrowserPushSubscription | { toJSON(): BrowserPushSubscription },
    deviceId: string | undefined,
  ): Promise<string> {
    const { endpoint, keys } = 'toJSON' in given ? given.toJSON() : given
    const { p256dh, auth } = keys ?? {}
    if (!endpoint || !p256dh || !auth) {
      throw badInput([{ path: 'subscription', message: 'must have an endpoint and the keys p256dh and auth' }])
    }
    const input = { endpoint, keys: { p256dh, auth }, deviceId: deviceId ?? null }
    const { registerPushSubscription } = await this.#gateway.request(RegisterPushSubscriptionDocument, { input })
    return registerPushSubscription.subscription.id
  }

  async registerApp(app: PushAppOptions): Promise<string> {
    checkOptions(app, APP, ['appId', 'pushkey'])
    const { appId, pushkey, data = null, deviceId = null } = app
    const input = { appId, pushkey, data, deviceId }
    return (await this.#gateway.request(RegisterPushAppDocument, { input })).registerPushApp.subscription.id
  }

  async unregister(subscription: { readonly id: string } | { readonly endpoint: string }): Promise<void> {
    checkOptions(subscription, NAME)
    await this.#gateway.request(UnregisterPushSubscriptionDocument, { input: { ...subscription } })
  }
}
