import { z } from 'zod'
import { parseInput } from '../core/input.ts'
import { jsonReply, type Route, route } from '../rest/route.ts'
import { AppSubscription, BrowserSubscription, SomeSubscription } from './input.ts'
import { PushSubscriptionJson, pushSubscriptionJson } from './json.ts'
import type { PushService } from './service.ts'

const EmptyInput = z.strictObject({})

/** The routes of the user's push subscriptions. */
export function pushRoutes({ push }: { push: PushService }): Route[] {
  return [
    route({
      method: 'GET',
      path: '/push/public-key',
      operationId: 'getWebPushPublicKey',
      access: 'user',
      summary: 'The applicationServerKey for pushManager.subscribe; null if Web Push is off.',
      input: z.object({}),
      success: [200],
      output: z.object({ publicKey: z.string().nullable() }),
      handle: async () => jsonReply({ publicKey: push.publicKey }),
    }),
    route({
      method: 'GET',
      path: '/push/subscriptions',
      operationId: 'listPushSubscriptions',
      access: 'user',
      summary: 'List the browsers and apps to which your calls are pushed.',
      input: z.object({}),
      success: [200],
      output: z.array(PushSubscriptionJson),
      handle: async ({ actor }) => jsonReply((await push.list(actor)).map(pushSubscriptionJson)),
    }),
    route({
      method: 'POST',
      path: '/push/subscriptions',
      operationId: 'registerPushSubscription',
      access: 'user',
      summary: 'Push your incoming calls to a browser. May be repeated.',
      input: BrowserSubscription,
      success: [200],
      output: PushSubscriptionJson,
      handle: async ({ actor, input }) => jsonReply(pushSubscriptionJson(await push.registerBrowser(actor, input))),
    }),
    route({
      method: 'POST',
      path: '/push/apps',
      operationId: 'registerPushApp',
      access: 'user',
      summary: 'Push your incoming calls to an app through the push gateway. May be repeated.',
      input: AppSubscription,
      success: [200],
      output: PushSubscriptionJson,
      handle: async ({ actor, input }) => jsonReply(pushSubscriptionJson(await push.registerApp(actor, input))),
    }),
    route({
      method: 'DELETE',
      path: '/push/subscriptions/:subscriptionId',
      operationId: 'unregisterPushSubscription',
      access: 'user',
      summary: 'Stop pushing your calls to a browser or an app.',
      input: EmptyInput,
      success: [200],
      output: z.object({ id: z.string().nullable().describe('null if you have no such subscription') }),
      async handle({ actor, params: { subscriptionId: id } }) {
        return jsonReply({ id: await push.unregister(actor, parseInput(SomeSubscription, { id })) })
      },
    }),
  ]
}
