import type {
  ConnectionFieldsFragment,
  GetEventsQuery,
  IncomingCallsSubscription,
  ParticipantFieldsFragment,
  RoomFieldsFragment,
  RoomUpdatedSubscription,
  SignalsSubscription,
} from './generated/graphql.ts'
import type { Connection, IceServer, IncomingCall, Participant, Room, RoomEvent, RoomUpdate, Signal } from './model.ts'

type EventFields = NonNullable<GetEventsQuery['room']>['events'][number]

/** Enums are upper case in GraphQL, lower case in the SDK and in REST. */
const lower = <Text extends string>(text: Text): Lowercase<Text> => text.toLowerCase() as Lowercase<Text>

/** Passes non-strings through (from untyped programs); the gateway validates them. */
export function upper<Text extends string>(text: Text): Uppercase<Text> {
  const given: unknown = text
  return (typeof given === 'string' ? given.toUpperCase() : given) as Uppercase<Text>
}

export const participantOf = (fields: ParticipantFieldsFragment): Participant => ({
  ...fields,
  role: lower(fields.role),
  state: lower(fields.state),
  leaveReason: fields.leaveReason && lower(fields.leaveReason),
  reach: fields.reach && lower(fields.reach),
})

export const roomOf = (fields: RoomFieldsFragment): Room => ({
  ...fields,
  type: lower(fields.type),
  mediaType: lower(fields.mediaType),
  status: lower(fields.status),
  provider: lower(fields.provider),
  access: lower(fields.access),
  endReason: fields.endReason && lower(fields.endReason),
  reach: fields.reach && lower(fields.reach),
  participants: fields.participants.map(participantOf),
})

export const eventOf = (fields: EventFields): RoomEvent => ({ ...fields, type: lower(fields.type) })

export const updateOf = (fields: RoomUpdatedSubscription['roomUpdated']): RoomUpdate => ({
  ...fields,
  type: lower(fields.type),
  participant: fields.participant && participantOf(fields.participant),
  room: roomOf(fields.room),
})

export const incomingCallOf = (
  fields: IncomingCallsSubscription['incomingCall'],
): Omit<IncomingCall, 'answeredHere'> => ({
  ...fields,
  type: lower(fields.type),
  room: roomOf(fields.room),
})

export const signalOf = (fields: SignalsSubscription['signals']): Signal => ({ ...fields, type: lower(fields.type) })

export const connectionOf = (fields: ConnectionFieldsFragment): Connection => ({
  ...fields,
  provider: lower(fields.provider),
  iceServers: fields.iceServers.map(iceServerOf),
})

/** Omits absent credentials: RTCPeerConnection rejects `null`. */
const iceServerOf = ({ urls, username, credential }: ConnectionFieldsFragment['iceServers'][number]): IceServer => ({
  urls,
  ...(username !== null && { username }),
  ...(credential !== null && { credential }),
})
