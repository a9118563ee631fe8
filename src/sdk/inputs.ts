import {
  anything,
  checkArgument,
  checkOptions,
  enumOf,
  boolean,
  json,
  oneOf,
  nonEmptyString,
  nonEmptyStrings,
  integer,
} from './validators.ts'
import { upper } from './convert.ts'
import type { CreateRoomInput, JoinRoomInput, ListRoomsQueryVariables } from './generated/graphql.ts'
import { RTCProviderType } from './model.ts'
import type {
  CreateGroupOptions,
  CreateRoomOptions,
  InitOptions,
  ListEventsOptions,
  ListRoomsOptions,
} from './options.ts'
import { randomId } from './random-id.ts'

const mediaType = enumOf('audio', 'video')
const type = enumOf('p2p', 'group')
const provider = enumOf(...Object.values(RTCProviderType))

const INIT = { provider, appId: nonEmptyString, appKey: anything, deviceId: nonEmptyString, rtcConfiguration: anything }
const ROOM = { type, mediaType, name: anything, metadata: json, provider, requestId: nonEmptyString }
const CALL = { ...ROOM, userId: nonEmptyString }
const GROUP = { ...ROOM, userIds: nonEmptyStrings, access: anything, maxParticipants: anything }
const LIST_ROOMS = {
  first: integer(1, 100),
  after: nonEmptyString,
  status: enumOf('waiting', 'active', 'ended'),
  type,
  mediaType,
  peer: nonEmptyString,
}
const LIST_EVENTS = { first: integer(1, 500), after: integer(0, 2 ** 31 - 1) }

/** @throws RtcError BAD_USER_INPUT */
export const checkInit = (options: InitOptions): void => checkOptions(options, INIT)

/** @throws RtcError BAD_USER_INPUT */
export const checkListEvents = (options: ListEventsOptions): void => checkOptions(options, LIST_EVENTS)

/** @throws RtcError BAD_USER_INPUT */
export const checkText = (path: string, value: unknown): void => checkArgument(path, value, nonEmptyString)

/** @throws RtcError BAD_USER_INPUT */
export const checkTexts = (path: string, value: unknown): void => checkArgument(path, value, nonEmptyStrings)

/** @throws RtcError BAD_USER_INPUT */
export const checkFlag = (path: string, value: unknown): void => checkArgument(path, value, boolean)

/** @throws RtcError BAD_USER_INPUT */
export const checkSource = (source: unknown): void => checkArgument('source', source, oneOf('camera', 'microphone'))

/** @throws RtcError BAD_USER_INPUT */
export const checkReason = (reason: unknown): void => checkArgument('reason', reason, enumOf('declined', 'busy'))

/** @throws RtcError BAD_USER_INPUT */
export function createRoomInput(options: CreateRoomOptions, defaults: InitOptions): CreateRoomInput {
  if (!isGroup(options)) checkOptions(options, CALL, ['type', 'userId'])
  else checkOptions(options, GROUP)
  const { name, metadata, requestId = randomId() } = options
  const chosen = options.provider ?? defaults.provider
  return {
    type: upper(options.type),
    ...(options.mediaType && { mediaType: upper(options.mediaType) }),
    ...(name !== undefined && { name }),
    ...(metadata !== undefined && { metadata }),
    ...(chosen && { provider: upper(chosen) }),
    ...(isGroup(options) ? groupInput(options) : { calleeId: options.userId }),
    // If the callee is calling this user, createRoom joins that call at once; should the tab close before it opens its
    // stream, the grace must end this membership.
    expectStream: true,
    clientRequestId: requestId,
  }
}

/** The input of a join by this package: it opens a stream, and its WebRTC media is a mesh. */
export const joinInput = (join: {
  readonly roomId: string
  readonly deviceId: string
  readonly sessionId: string
  readonly audio: boolean
  readonly video: boolean
}): JoinRoomInput => ({ ...join, expectStream: true, mesh: true })

/** @throws RtcError BAD_USER_INPUT */
export function listRoomsVariables(options: ListRoomsOptions): ListRoomsQueryVariables {
  checkOptions(options, LIST_ROOMS)
  const filter = {
    ...(options.status && { status: upper(options.status) }),
    ...(options.type && { type: upper(options.type) }),
    ...(options.mediaType && { mediaType: upper(options.mediaType) }),
    ...(options.peer !== undefined && { peer: options.peer }),
  }
  return { filter, first: options.first ?? null, after: options.after ?? null }
}

/** Accepts GraphQL's upper case, too. */
const isGroup = (options: CreateRoomOptions | undefined): options is CreateGroupOptions =>
  String(options?.type).toLowerCase() === 'group'

const groupInput = ({ userIds, access, maxParticipants }: CreateGroupOptions) => ({
  ...(userIds && { participantIds: [...userIds] }),
  ...(access && { access: upper(access) }),
  ...(maxParticipants !== undefined && { maxParticipants }),
})
