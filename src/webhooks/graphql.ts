import { parseInput } from '../core/input.ts'
import { builder } from '../graphql/builder.ts'
import { enumOf } from '../graphql/enum.ts'
import { PAGE_DEFAULT } from '../rooms/input.ts'
import type { WebhookEndpoint } from './endpoint.ts'
import { DeliveriesQuery, EndpointChanges, NewEndpoint, Replay, SomeDelivery, SomeEndpoint } from './input.ts'
import type { EndpointWithSecret } from './service.ts'
import { DELIVERY_STATUSES, type WebhookDelivery } from './store.ts'

/** Webhooks: every root field requires the scope rtc:admin. */

const ADMIN = 'Requires the scope rtc:admin.'
const TYPES = 'Types such as room.ended or call.ringing'

const WebhookEndpointRef = builder.objectRef<WebhookEndpoint>('WebhookEndpoint').implement({
  description: 'A URL that receives events as webhooks. Its secret is shown only once, at its creation or rotation.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the endpoint.' }),
    url: t.exposeString('url', { description: 'Where messages are sent.' }),
    types: t.stringList({
      description: `${TYPES} that it receives.`,
      extensions: { size: 1 },
      resolve: ({ types }) => [...types],
    }),
    description: t.exposeString('description', { nullable: true, description: 'What the endpoint is for.' }),
    roomId: t.exposeID('roomId', {
      nullable: true,
      description: 'The only room whose events it receives; null for all.',
    }),
    enabled: t.exposeBoolean('enabled', { description: 'Whether messages are sent.' }),
    disabledReason: t.exposeString('disabledReason', {
      nullable: true,
      description: 'Why the gateway has disabled the endpoint; null if it has not.',
    }),
    configured: t.exposeBoolean('configured', {
      description: 'Named by the variable WEBHOOK_URLS; mutations can only enable and disable it.',
    }),
    createdAt: t.expose('createdAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was created; null for an endpoint of the configuration.',
    }),
  }),
})

const WebhookDeliveryStatus = enumOf('WebhookDeliveryStatus', DELIVERY_STATUSES, 'What became of a message.', {
  delivered: 'The endpoint has answered with a status of 200 to 299.',
  retrying: 'The last attempt failed; further attempts follow.',
  dead: 'The last of all attempts failed. redeliverWebhook sends the message again.',
})

const WebhookDeliveryRef = builder.objectRef<WebhookDelivery>('WebhookDelivery').implement({
  description: 'A message for an endpoint, from its first attempt on. Kept for 30 days.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the record.' }),
    endpointId: t.exposeID('endpointId', { description: 'The endpoint.' }),
    messageId: t.exposeID('messageId', { description: 'The header webhook-id, the same in every attempt.' }),
    type: t.exposeString('type', { description: 'The type of the message.' }),
    roomId: t.exposeID('roomId', { description: 'The room.' }),
    seq: t.exposeInt('seq', { description: "The number of the event in the room's log." }),
    status: t.expose('status', { type: WebhookDeliveryStatus, description: 'What became of the message.' }),
    attempts: t.exposeInt('attempts', { description: 'Attempts so far.' }),
    responseStatus: t.exposeInt('responseStatus', {
      nullable: true,
      description: 'The HTTP status of the last response; null if the last attempt had none.',
    }),
    error: t.exposeString('error', {
      nullable: true,
      description: 'Why there was no response; null if there was one.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When the first attempt ended.' }),
    attemptedAt: t.expose('attemptedAt', { type: 'DateTime', description: 'When the last attempt ended.' }),
  }),
})

const CreateWebhookEndpointInput = builder.inputType('CreateWebhookEndpointInput', {
  description: 'A new endpoint.',
  fields: (t) => ({
    url: t.string({ required: true, description: 'An https URL without credentials.' }),
    types: t.stringList({ description: `${TYPES} that it shall receive; all if absent or empty.` }),
    description: t.string({ description: 'What the endpoint is for; at most 500 characters.' }),
    roomId: t.id({ description: 'Only events of this room.' }),
  }),
})
const UpdateWebhookEndpointInput = builder.inputType('UpdateWebhookEndpointInput', {
  description: 'Changes of an endpoint. Absent fields do not change.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'The endpoint.' }),
    url: t.string({ description: 'An https URL without credentials.' }),
    types: t.stringList({ description: `${TYPES} that it shall receive; all if empty.` }),
    description: t.string({ description: 'What the endpoint is for; null removes it.' }),
    roomId: t.id({ description: 'Only events of this room; null for all rooms.' }),
    enabled: t.boolean({
      description: 'Whether messages are sent. An endpoint that is enabled again gets what it missed.',
    }),
  }),
})
const DeleteWebhookEndpointInput = builder.inputType('DeleteWebhookEndpointInput', {
  description: 'The endpoint to delete.',
  fields: (t) => ({ id: t.id({ required: true, description: 'The endpoint.' }) }),
})
const RotateWebhookSecretInput = builder.inputType('RotateWebhookSecretInput', {
  description: 'The endpoint that gets a new secret.',
  fields: (t) => ({ id: t.id({ required: true, description: 'The endpoint.' }) }),
})
const RedeliverWebhookInput = builder.inputType('RedeliverWebhookInput', {
  description: 'The message to send again.',
  fields: (t) => ({ id: t.id({ required: true, description: 'The id of the delivery, not of the message.' }) }),
})
const ReplayWebhooksInput = builder.inputType('ReplayWebhooksInput', {
  description: 'The events to send again.',
  fields: (t) => ({
    endpointId: t.id({ required: true, description: 'The endpoint.' }),
    from: t.field({ type: 'DateTime', required: true, description: 'Events at or after this time.' }),
    to: t.field({ type: 'DateTime', required: true, description: 'Events before this time.' }),
  }),
})

const secretPayload = (name: string) =>
  builder.objectRef<EndpointWithSecret>(name).implement({
    description: 'An endpoint with its new secret.',
    fields: (t) => ({
      endpoint: t.expose('endpoint', { type: WebhookEndpointRef, description: 'The endpoint.' }),
      secret: t.exposeString('secret', {
        description: 'The secret that signs its messages (HMAC-SHA256), beginning with whsec_. It is not shown again.',
      }),
    }),
  })
const CreateWebhookEndpointPayload = secretPayload('CreateWebhookEndpointPayload')
const RotateWebhookSecretPayload = secretPayload('RotateWebhookSecretPayload')

const UpdateWebhookEndpointPayload = builder
  .objectRef<{ endpoint: WebhookEndpoint }>('UpdateWebhookEndpointPayload')
  .implement({
    description: 'Payload of updateWebhookEndpoint.',
    fields: (t) => ({
      endpoint: t.expose('endpoint', { type: WebhookEndpointRef, description: 'The endpoint after the changes.' }),
    }),
  })
const DeleteWebhookEndpointPayload = builder.objectRef<{ id: string }>('DeleteWebhookEndpointPayload').implement({
  description: 'Payload of deleteWebhookEndpoint.',
  fields: (t) => ({ id: t.exposeID('id', { description: 'The endpoint that was deleted.' }) }),
})
const RedeliverWebhookPayload = builder.objectRef<{ delivery: WebhookDelivery }>('RedeliverWebhookPayload').implement({
  description: 'Payload of redeliverWebhook.',
  fields: (t) => ({
    delivery: t.expose('delivery', { type: WebhookDeliveryRef, description: 'The delivery before the new attempt.' }),
  }),
})
const ReplayWebhooksPayload = builder.objectRef<{ readonly rooms: number }>('ReplayWebhooksPayload').implement({
  description: 'Payload of replayWebhooks.',
  fields: (t) => ({ rooms: t.exposeInt('rooms', { description: 'Rooms whose events are being sent again.' }) }),
})

/** Estimated number of endpoints. */
const ENDPOINTS = 10

builder.queryFields((t) => ({
  webhookEndpoints: t.field({
    type: [WebhookEndpointRef],
    access: 'admin',
    extensions: { size: ENDPOINTS },
    description: `All webhook endpoints: those of the configuration, then those created by mutations, oldest first. ${ADMIN}`,
    resolve: async (_root, _args, { webhooks, actor }) => [...(await webhooks.list(actor))],
  }),
  webhookDeliveries: t.connection(
    {
      type: WebhookDeliveryRef,
      access: 'admin',
      description: `Messages to an endpoint, newest first; ${PAGE_DEFAULT} unless \`first\` is given. Pages forward only. ${ADMIN}`,
      args: {
        endpointId: t.arg.id({ required: true, description: 'The endpoint.' }),
        status: t.arg({ type: WebhookDeliveryStatus, description: 'Only messages with this status.' }),
      },
      extensions: { size: { page: PAGE_DEFAULT } },
      async resolve(_root, { endpointId, status, first, after }, { webhooks, actor }) {
        const query = parseInput(DeliveriesQuery, { endpointId, status, first, after })
        const { items, hasNextPage } = await webhooks.deliveries(actor, query)
        const edges = items.map((node) => ({ cursor: node.id, node }))
        const [startCursor, endCursor] = [edges[0]?.cursor ?? null, edges.at(-1)?.cursor ?? null]
        return { edges, pageInfo: { hasNextPage, hasPreviousPage: query.after !== null, startCursor, endCursor } }
      },
    },
    { name: 'WebhookDeliveryConnection' },
    { name: 'WebhookDeliveryEdge' },
  ),
}))

builder.mutationFields((t) => ({
  createWebhookEndpoint: t.field({
    type: CreateWebhookEndpointPayload,
    access: 'admin',
    description: `Creates a webhook endpoint, which receives the events from now on. Errors: BAD_USER_INPUT, CONFLICT. ${ADMIN}`,
    args: { input: t.arg({ type: CreateWebhookEndpointInput, required: true, description: 'The endpoint.' }) },
    resolve: (_root, { input }, { webhooks, actor }) => webhooks.create(actor, parseInput(NewEndpoint, input)),
  }),
  updateWebhookEndpoint: t.field({
    type: UpdateWebhookEndpointPayload,
    access: 'admin',
    description: `Changes a webhook endpoint. Errors: NOT_FOUND, BAD_USER_INPUT, CONFLICT. ${ADMIN}`,
    args: { input: t.arg({ type: UpdateWebhookEndpointInput, required: true, description: 'The changes.' }) },
    resolve: async (_root, { input }, { webhooks, actor }) => ({
      endpoint: await webhooks.update(actor, parseInput(EndpointChanges, input)),
    }),
  }),
  deleteWebhookEndpoint: t.field({
    type: DeleteWebhookEndpointPayload,
    access: 'admin',
    description: `Deletes a webhook endpoint and what it has not received. Errors: NOT_FOUND, CONFLICT. ${ADMIN}`,
    args: { input: t.arg({ type: DeleteWebhookEndpointInput, required: true, description: 'The endpoint.' }) },
    async resolve(_root, { input }, { webhooks, actor }) {
      const { id } = parseInput(SomeEndpoint, input)
      await webhooks.delete(actor, id)
      return { id }
    },
  }),
  rotateWebhookSecret: t.field({
    type: RotateWebhookSecretPayload,
    access: 'admin',
    description:
      'Gives a webhook endpoint a new secret. For 24 hours messages have two signatures, one by the previous secret. ' +
      `Errors: NOT_FOUND, CONFLICT. ${ADMIN}`,
    args: { input: t.arg({ type: RotateWebhookSecretInput, required: true, description: 'The endpoint.' }) },
    resolve: (_root, { input }, { webhooks, actor }) =>
      webhooks.rotateSecret(actor, parseInput(SomeEndpoint, input).id),
  }),
  redeliverWebhook: t.field({
    type: RedeliverWebhookPayload,
    access: 'admin',
    description: `Sends a message to its endpoint again, with the same id. Errors: NOT_FOUND, CONFLICT. ${ADMIN}`,
    args: { input: t.arg({ type: RedeliverWebhookInput, required: true, description: 'The delivery.' }) },
    resolve: async (_root, { input }, { webhooks, actor }) => ({
      delivery: await webhooks.redeliver(actor, parseInput(SomeDelivery, input).id),
    }),
  }),
  replayWebhooks: t.field({
    type: ReplayWebhooksPayload,
    access: 'admin',
    description:
      'Sends the events of a time to an endpoint again, from the log, in order per room and with the same ids. Errors: ' +
      `NOT_FOUND, BAD_USER_INPUT for more than 5000 rooms, CONFLICT. ${ADMIN}`,
    args: { input: t.arg({ type: ReplayWebhooksInput, required: true, description: 'The endpoint and the time.' }) },
    resolve: (_root, { input }, { webhooks, actor }) => webhooks.replay(actor, parseInput(Replay, input)),
  }),
}))
