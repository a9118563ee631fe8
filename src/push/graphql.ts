import { parseInput } from '../core/input.ts'
import { builder } from '../graphql/builder.ts'
import { enumOf } from '../graphql/enum.ts'
import { AppSubscription, BrowserSubscription, SomeSubscription } from './input.ts'
import { serviceOf } from './json.ts'
import { type PushSubscription, SUBSCRIPTIONS_MAX } from './store.ts'

const PushTargetKind = enumOf('PushTargetKind', ['browser', 'app'] as const, 'What a push subscription belongs to.', {
  browser: 'A browser, by Web Push.',
  app: 'An app on a phone, through the push gateway.',
})

const PushSubscriptionRef = builder.objectRef<PushSubscription>('PushSubscription').implement({
  description: 'A browser or an app to which your incoming calls are pushed.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the subscription.' }),
    kind: t.field({
      type: PushTargetKind,
      description: 'Whether it belongs to a browser or to an app.',
      resolve: ({ target }) => target.kind,
    }),
    service: t.string({
      description: 'The origin of the push service for a browser; the appId for an app.',
      resolve: serviceOf,
    }),
    deviceId: t.exposeID('deviceId', { nullable: true, description: 'The device, as the client has named it.' }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was first registered.' }),
    usedAt: t.expose('usedAt', {
      type: 'DateTime',
      description: 'When it was last registered or accepted a message, within a day. Deleted when unused for 90 days.',
    }),
  }),
})

const PushKeysInput = builder.inputType('PushKeysInput', {
  description: 'The keys of a browser, in base64url: PushSubscription.toJSON().keys.',
  fields: (t) => ({
    p256dh: t.string({ required: true, description: 'The public key, a point of P-256.' }),
    auth: t.string({ required: true, description: 'The authentication secret, 16 bytes.' }),
  }),
})

const RegisterPushSubscriptionInput = builder.inputType('RegisterPushSubscriptionInput', {
  description: 'The subscription of a browser: PushSubscription.toJSON(), and a deviceId.',
  fields: (t) => ({
    endpoint: t.string({ required: true, description: 'The https URL of the push service.' }),
    keys: t.field({ type: PushKeysInput, required: true, description: 'The keys of the browser.' }),
    expirationTime: t.float({ description: 'Accepted, because toJSON() contains it; not used.' }),
    deviceId: t.id({ description: 'The device that it belongs to.' }),
  }),
})
const RegisterPushAppInput = builder.inputType('RegisterPushAppInput', {
  description: 'An app on a phone, as the push gateway knows it.',
  fields: (t) => ({
    appId: t.string({ required: true, description: 'The app_id of the push gateway.' }),
    pushkey: t.string({ required: true, description: 'The token that FCM or APNs has given to the app.' }),
    data: t.field({ type: 'JSON', description: 'Passed to the push gateway with each message; at most 2000 bytes.' }),
    deviceId: t.id({ description: 'The device that it belongs to.' }),
  }),
})
const UnregisterPushSubscriptionInput = builder.inputType('UnregisterPushSubscriptionInput', {
  description: 'Names a subscription by its id, or a browser by its endpoint. Give exactly one of the two.',
  fields: (t) => ({
    id: t.id({ description: 'The id of the subscription.' }),
    endpoint: t.string({ description: 'The URL of the push service.' }),
  }),
})

const subscriptionPayload = (name: string) =>
  builder.objectRef<{ subscription: PushSubscription }>(name).implement({
    description: 'The subscription that is in effect.',
    fields: (t) => ({
      subscription: t.expose('subscription', { type: PushSubscriptionRef, description: 'The subscription.' }),
    }),
  })
const RegisterPushSubscriptionPayload = subscriptionPayload('RegisterPushSubscriptionPayload')
const RegisterPushAppPayload = subscriptionPayload('RegisterPushAppPayload')
const UnregisterPushSubscriptionPayload = builder
  .objectRef<{ id: string | null }>('UnregisterPushSubscriptionPayload')
  .implement({
    description: 'The subscription that was deleted.',
    fields: (t) => ({
      id: t.exposeID('id', { nullable: true, description: 'Its id; null if you have no such subscription.' }),
    }),
  })

builder.queryFields((t) => ({
  webPushPublicKey: t.string({
    nullable: true,
    access: 'user',
    description: 'The applicationServerKey for pushManager.subscribe, in base64url; null if Web Push is off.',
    resolve: (_root, _args, { push }) => push.publicKey,
  }),
  pushSubscriptions: t.field({
    type: [PushSubscriptionRef],
    access: 'user',
    extensions: { size: SUBSCRIPTIONS_MAX },
    description: `The browsers and apps to which your calls are pushed, at most ${SUBSCRIPTIONS_MAX}.`,
    resolve: async (_root, _args, { push, actor }) => [...(await push.list(actor))],
  }),
}))

builder.mutationFields((t) => ({
  registerPushSubscription: t.field({
    type: RegisterPushSubscriptionPayload,
    access: 'user',
    description:
      'Pushes your incoming calls to a browser, even if the page is closed. May be repeated. A further subscription than ' +
      `the ${SUBSCRIPTIONS_MAX}th replaces the one that was unused for the longest time. ` +
      'Errors: BAD_USER_INPUT, PROVIDER_NOT_CONFIGURED if Web Push is off.',
    args: { input: t.arg({ type: RegisterPushSubscriptionInput, required: true, description: 'The browser.' }) },
    resolve: async (_root, { input }, { push, actor }) => ({
      subscription: await push.registerBrowser(actor, parseInput(BrowserSubscription, input)),
    }),
  }),
  registerPushApp: t.field({
    type: RegisterPushAppPayload,
    access: 'user',
    description:
      'Pushes your incoming calls to an app through the push gateway. May be repeated. Counts among the ' +
      `${SUBSCRIPTIONS_MAX} subscriptions. Errors: BAD_USER_INPUT, PROVIDER_NOT_CONFIGURED without a push gateway.`,
    args: { input: t.arg({ type: RegisterPushAppInput, required: true, description: 'The app.' }) },
    resolve: async (_root, { input }, { push, actor }) => ({
      subscription: await push.registerApp(actor, parseInput(AppSubscription, input)),
    }),
  }),
  unregisterPushSubscription: t.field({
    type: UnregisterPushSubscriptionPayload,
    access: 'user',
    description: 'Stops pushing your calls to a browser or an app, for instance when you sign out of it.',
    args: { input: t.arg({ type: UnregisterPushSubscriptionInput, required: true, description: 'The subscription.' }) },
    resolve: async (_root, { input }, { push, actor }) => ({
      id: await push.unregister(actor, parseInput(SomeSubscription, input)),
    }),
  }),
}))
