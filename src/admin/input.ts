import { z } from 'zod'
import { canonicalUuid, isRoomId } from '../core/ids.ts'
import { PAGE_DEFAULT, PAGE_MAX, UserId } from '../rooms/input.ts'
import { ROOM_STATUSES, ROOM_TYPES } from '../rooms/model.ts'
import { AUDIT_ACTIONS } from './audit.ts'

const optional = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? null)

/** The user that an administrator's request concerns. */
export const SomeUser = z.strictObject({ userId: UserId })
/** The user whose rooms shall end. */
export const RoomsOf = z.strictObject({ of: UserId })

export const AdminRoomFilter = z.strictObject({
  status: optional(z.enum(ROOM_STATUSES)),
  type: optional(z.enum(ROOM_TYPES)),
  userId: optional(UserId),
  since: optional(z.date()),
})
export type AdminRoomFilter = z.infer<typeof AdminRoomFilter>

export const AuditLogFilter = z.strictObject({
  action: optional(z.enum(AUDIT_ACTIONS)),
  actorId: optional(UserId),
  userId: optional(UserId),
  since: optional(z.date()),
})

/** `first` items after a cursor, which is the id of an item. */
export const ForwardPage = z.strictObject({
  first: z
    .int()
    .min(1)
    .max(PAGE_MAX)
    .nullish()
    .transform((value) => value ?? PAGE_DEFAULT),
  after: optional(z.string().transform(canonicalUuid).refine(isRoomId, 'is not a cursor of this list')),
})
export type ForwardPage = z.infer<typeof ForwardPage>
