import { z } from 'zod'
import { canonicalUuid, isRoomId } from '../core/ids.ts'
import { isStorable } from '../core/storable.ts'
import { PAGE_DEFAULT, PAGE_MAX } from '../rooms/input.ts'
import { DELIVERY_STATUSES } from './store.ts'
import { WEBHOOK_TYPES } from './types.ts'

const optional = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? null)
const Uuid = z.string().transform(canonicalUuid)
const RoomId = Uuid.refine(isRoomId, 'is not the id of a room')
const EndpointId = z.string().min(1).max(64).transform(canonicalUuid)
/** Validated further by the rules of the configuration. */
const Url = z.string().refine(isStorable, 'is not a URL')
const Types = z.array(
  z.string().refine((type) => WEBHOOK_TYPES.includes(type), `must be one of ${WEBHOOK_TYPES.join(', ')}`),
)
const Description = z.string().max(500).refine(isStorable, 'must not contain U+0000 or lone surrogates')

export const NewEndpoint = z.strictObject({
  url: Url,
  types: optional(Types.max(WEBHOOK_TYPES.length)),
  description: optional(Description),
  roomId: optional(RoomId),
})
export type NewEndpoint = z.infer<typeof NewEndpoint>

/** Absent fields do not change; null clears `description` and `roomId`. */
export const EndpointChanges = z.strictObject({
  id: EndpointId,
  url: Url.nullish(),
  types: Types.max(WEBHOOK_TYPES.length).nullish(),
  description: Description.nullish(),
  roomId: RoomId.nullish(),
  enabled: z.boolean().nullish(),
})
export type EndpointChanges = z.infer<typeof EndpointChanges>

export const SomeEndpoint = z.strictObject({ id: EndpointId })
export const SomeDelivery = z.strictObject({ id: Uuid })

export const DeliveriesQuery = z.strictObject({
  endpointId: EndpointId,
  status: optional(z.enum(DELIVERY_STATUSES)),
  first: z
    .int()
    .min(1)
    .max(PAGE_MAX)
    .nullish()
    .transform((value) => value ?? PAGE_DEFAULT),
  after: optional(Uuid.refine(isRoomId, 'is not a cursor of this list')),
})
export type DeliveriesQuery = z.infer<typeof DeliveriesQuery>

export const Replay = z
  .strictObject({ endpointId: EndpointId, from: z.date(), to: z.date() })
  .refine(({ from, to }) => from < to, { path: ['to'], message: 'must be after from' })
export type Replay = z.infer<typeof Replay>
