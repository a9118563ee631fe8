import { z } from 'zod'
import type { PushSubscription } from './store.ts'

/** The REST representation of a subscription. Neither its address nor its keys are shown. */
export const PushSubscriptionJson = z.object({
  id: z.uuid(),
  kind: z.enum(['browser', 'app']),
  service: z.string().describe('The origin of the push service for a browser; the appId for an app'),
  deviceId: z.string().nullable(),
  createdAt: z.iso.datetime(),
  usedAt: z.iso.datetime().describe('When it was last registered or accepted a message, within a day'),
})

export const pushSubscriptionJson = (subscription: PushSubscription): z.input<typeof PushSubscriptionJson> => ({
  id: subscription.id,
  kind: subscription.target.kind,
  service: serviceOf(subscription),
  deviceId: subscription.deviceId,
  createdAt: subscription.createdAt.toISOString(),
  usedAt: subscription.usedAt.toISOString(),
})

/** The rest of an endpoint is a secret of the browser. */
export const serviceOf = ({ target }: PushSubscription): string =>
  target.kind === 'browser' ? new URL(target.endpoint).origin : target.appId
