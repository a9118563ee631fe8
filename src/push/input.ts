import { z } from 'zod'
import { canonicalUuid, isRoomId } from '../core/ids.ts'
import { isStorable } from '../core/storable.ts'
import { DeviceId, JsonObject } from '../rooms/input.ts'
import { bytesOf, isPublicKey } from './vapid.ts'

const optional = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? null)
const AUTH_BYTES = 16
const DATA_MAX = 2_000

/** Validated further by the rules of the configuration. */
const Endpoint = z.string().min(1).max(2_000).refine(isStorable, 'is not a URL')

const Keys = z.strictObject({
  p256dh: z.string().refine(isPublicKey, 'must be the base64url of an uncompressed P-256 public key, 65 bytes'),
  auth: z
    .string()
    .refine((text) => bytesOf(text)?.length === AUTH_BYTES, `must be the base64url of ${AUTH_BYTES} bytes`),
})

/** A browser's subscription; `PushSubscription.toJSON()` has these fields, and `expirationTime`. */
export const BrowserSubscription = z.strictObject({
  endpoint: Endpoint.describe('The URL of the push service'),
  keys: Keys,
  expirationTime: optional(z.number()).describe('Accepted, so that the result of toJSON() can be sent; not used'),
  deviceId: optional(DeviceId).describe('The device that it belongs to'),
})
export type BrowserSubscription = z.infer<typeof BrowserSubscription>

const Token = z.string().min(1).max(1_000).refine(isStorable, 'must not contain U+0000 or lone surrogates')

export const AppSubscription = z.strictObject({
  appId: Token.max(200).describe('The app, as the push gateway knows it'),
  pushkey: Token.describe("The token of the app's device"),
  data: optional(
    JsonObject.refine(
      (value) => Buffer.byteLength(JSON.stringify(value)) <= DATA_MAX,
      `must have at most ${DATA_MAX} bytes as JSON`,
    ),
  ).describe('Passed to the push gateway'),
  deviceId: optional(DeviceId).describe('The device that it belongs to'),
})
export type AppSubscription = z.infer<typeof AppSubscription>

/** Names a subscription by one of the two. */
export const SomeSubscription = z
  .strictObject({ id: optional(z.string().transform(canonicalUuid)), endpoint: optional(Endpoint) })
  .refine(({ id, endpoint }) => (id === null) !== (endpoint === null), {
    path: ['id'],
    message: 'give either id or endpoint',
  })
  .refine(({ id }) => id === null || isRoomId(id), { path: ['id'], message: 'is not the id of a subscription' })
export type SomeSubscription = z.infer<typeof SomeSubscription>
