import { z } from 'zod'
import { isUserId, USER_ID_MAX } from '../core/actor.ts'
import { RtcError } from '../core/errors.ts'
import { canonicalUuid, isRoomId } from '../core/ids.ts'
import { parseInput } from '../core/input.ts'
import { MEDIA_PROVIDERS } from '../core/media-provider.ts'
import { isStorable, isStorableJson } from '../core/storable.ts'
import { REJECT_REASONS } from './rules/command.ts'
import {
  END_REASONS,
  MEDIA_TYPES,
  type Metadata,
  PARTICIPANT_STATES,
  ROOM_ACCESSES,
  ROOM_STATUSES,
  ROOM_TYPES,
} from './model.ts'

/** Input schemas shared by GraphQL and REST; OpenAPI is generated from them. */

const storable = (schema: z.ZodString) => schema.refine(isStorable, 'must not contain U+0000 or lone surrogates')
/** Accepts an absent or null value and yields null. */
const optional = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? null)
const withDefault = <T extends z.ZodType>(schema: T, fallback: z.output<T>) =>
  schema.nullish().transform((value) => value ?? fallback)

/** A user's id: the subject of their token. */
export const UserId = z
  .string()
  .refine(isUserId, `must have 1 to ${USER_ID_MAX} characters, no control characters among them`)
/** A device id, chosen by the client. */
export const DeviceId = storable(z.string().min(1).max(128))
const SessionId = storable(z.string().min(1).max(128))
/** Describes `sessionId` of a join, for GraphQL and REST. */
export const SESSION_OF_JOIN =
  'An id that the client generates for each join. A join with the same id is a repeat and changes nothing; a new id begins ' +
  'a session that replaces the earlier session of this device. Without it, a join by the device that is in the room is a ' +
  'repeat'
/** An idempotency key: printable ASCII (draft-ietf-httpapi-idempotency-key-header). */
export const ClientRequestId = z.string().regex(/^[\x21-\x7e]{1,255}$/, 'must be 1 to 255 printable ASCII characters')

const METADATA_MAX_BYTES = 8 * 1024

/** A JSON object that the database can store. */
export const JsonObject = z
  .record(z.string(), z.unknown())
  .refine((value) => isStorableJson(value), 'must be nested at most 32 deep and hold no U+0000 or lone surrogates')
  .transform((value) => value as Metadata)

/** Describes `expectStream` of a creation, for GraphQL and REST. */
export const EXPECT_STREAM_OF_CREATE =
  'Applies when the callee is calling you and you join that call: announces that you will join or open a stream. If neither ' +
  'happens within the disconnect grace, you leave as disconnected. Defaults to false'

export const CreateRoom = z.strictObject({
  type: z.enum(ROOM_TYPES).describe('p2p calls one callee, group invites participants'),
  callerId: optional(UserId).describe("Defaults to the token's subject; another needs scope rtc:admin"),
  calleeId: optional(UserId).describe('Required for p2p'),
  participantIds: withDefault(z.array(UserId).max(1000), []).describe('Invited members of a group'),
  mediaType: withDefault(z.enum(MEDIA_TYPES), 'video').describe('Defaults to video'),
  name: optional(storable(z.string().min(1).max(200))),
  metadata: optional(JsonObject).describe('A JSON object of at most 8 KiB'),
  provider: optional(z.enum(MEDIA_PROVIDERS)).describe("Defaults to the gateway's own choice"),
  access: withDefault(z.enum(ROOM_ACCESSES), 'invited').describe('Who may join a group; defaults to invited'),
  maxParticipants: optional(z.int().min(1).max(10_000)).describe(
    'Seats; 2 in p2p; in a group defaults to MESH_MAX (6) with provider webrtc, else to 50',
  ),
  expectStream: withDefault(z.boolean(), false).describe(EXPECT_STREAM_OF_CREATE),
})
export type CreateRoom = z.infer<typeof CreateRoom>

/** Describes `mesh` of a join, for GraphQL and REST. */
export const MESH =
  'With provider webrtc: the client connects to every other participant directly. The join is refused with ROOM_FULL when ' +
  'MESH_MAX participants have joined, even if the room has more seats'
/** Describes `expectStream` of a join, for GraphQL and REST. */
export const EXPECT_STREAM =
  'Announces that this device will open a stream of the room. If it does not within the disconnect grace, this session ' +
  'leaves as disconnected. Defaults to false'
/** The longest delay of a leave, in seconds. */
const LEAVE_AFTER_MAX = 60
/** Describes `after` of a leave, for GraphQL and REST. */
export const LEAVE_AFTER =
  `Seconds until the leave takes effect, for a page that closes or reloads; 0 to ${LEAVE_AFTER_MAX}, capped by the ` +
  'disconnect grace. Until then the participant is shown as disconnected, and a join or a new stream of the device cancels ' +
  'the leave. With a delay, an open invitation is not declined. Defaults to 0'

export const JoinRoom = z.strictObject({
  deviceId: optional(DeviceId).describe('Joins without a deviceId share one default device'),
  sessionId: optional(SessionId).describe(SESSION_OF_JOIN),
  expectStream: withDefault(z.boolean(), false).describe(EXPECT_STREAM),
  mesh: withDefault(z.boolean(), false).describe(MESH),
  audio: optional(z.boolean()).describe('Publishing audio; defaults to true'),
  video: optional(z.boolean()).describe("Publishing video; defaults to the room's media type"),
})
export type JoinRoom = z.infer<typeof JoinRoom>

export const LeaveRoom = z.strictObject({
  deviceId: optional(DeviceId).describe('Leave only if this device holds the seat; by default, leave with any device'),
  sessionId: optional(SessionId).describe('Leave only this session; naming an earlier session changes nothing'),
  after: withDefault(z.int().min(0).max(LEAVE_AFTER_MAX), 0).describe(LEAVE_AFTER),
})
export type LeaveRoom = z.infer<typeof LeaveRoom>

export const RejectCall = z.strictObject({
  reason: withDefault(z.enum(REJECT_REASONS), 'declined').describe('Defaults to declined'),
})
export type RejectCall = z.infer<typeof RejectCall>

/** Users that may be invited by one request. */
export const INVITED_MAX = 100
export const InviteParticipants = z.strictObject({ userIds: z.array(UserId).min(1).max(INVITED_MAX) })
export type InviteParticipants = z.infer<typeof InviteParticipants>

export const TransferHost = z.strictObject({ userId: UserId.describe('The new host: a participant who has joined') })
export type TransferHost = z.infer<typeof TransferHost>

export const UpdateParticipant = z.strictObject({
  audio: optional(z.boolean()).describe('Publishing audio'),
  video: optional(z.boolean()).describe('Publishing video'),
})
export type UpdateParticipant = z.infer<typeof UpdateParticipant>

export const RoomFilter = z.strictObject({
  status: optional(z.enum(ROOM_STATUSES)),
  endReason: optional(z.enum(END_REASONS)),
  type: optional(z.enum(ROOM_TYPES)),
  mediaType: optional(z.enum(MEDIA_TYPES)),
  peer: optional(UserId).describe('Another user who is, or was, a participant'),
  from: optional(z.date()).describe('Created at or after'),
  to: optional(z.date()).describe('Created before'),
})
export type RoomFilter = z.infer<typeof RoomFilter>

export const PAGE_DEFAULT = 20
export const PAGE_MAX = 100
const PageSize = z.int().min(1).max(PAGE_MAX)
const Cursor = z.string().transform(canonicalUuid).refine(isRoomId, 'is not a cursor of this list')

/** Relay's paging arguments: `first` with `after`, or `last` with `before`. */
export const Page = z
  .strictObject({
    first: optional(PageSize),
    after: optional(Cursor),
    last: optional(PageSize),
    before: optional(Cursor),
  })
  .refine(({ first, last }) => first === null || last === null, {
    path: ['last'],
    message: 'cannot be combined with first',
  })
export type Page = z.infer<typeof Page>

export const PARTICIPANTS_PAGE_DEFAULT = 50
export const PARTICIPANTS_PAGE_MAX = 500
/** A page of a room's participants; the cursor is the ordinal of the last participant seen. */
export const ParticipantsPage = z.strictObject({
  first: withDefault(z.int().min(1).max(PARTICIPANTS_PAGE_MAX), PARTICIPANTS_PAGE_DEFAULT),
  after: optional(
    z
      .string()
      .regex(/^\d{1,9}$/, 'is not a cursor of this list')
      .transform(Number),
  ),
  state: optional(z.array(z.enum(PARTICIPANT_STATES)).min(1).max(PARTICIPANT_STATES.length)),
})

/** @throws RtcError BAD_USER_INPUT naming `clientRequestId` */
export const requireClientRequestId = (key: string | null | undefined): string | null =>
  parseInput(z.object({ clientRequestId: optional(ClientRequestId) }), { clientRequestId: key }).clientRequestId

/** @throws RtcError BAD_USER_INPUT naming `deviceId` */
export const requireDeviceId = (deviceId: string | null | undefined): string | undefined =>
  parseInput(z.object({ deviceId: optional(DeviceId) }), { deviceId }).deviceId ?? undefined

/** @throws RtcError PAYLOAD_TOO_LARGE */
export function requireMetadataFits(metadata: CreateRoom['metadata']): void {
  if (metadata && Buffer.byteLength(JSON.stringify(metadata)) > METADATA_MAX_BYTES) {
    throw new RtcError('PAYLOAD_TOO_LARGE', `metadata may have at most ${METADATA_MAX_BYTES} bytes as JSON.`)
  }
}
