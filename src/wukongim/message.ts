import { type DeliveredUpdate, ringChangesBy } from '../calls/ring-changes.ts'
import type { RoomUpdate } from '../events/event.ts'
import {
  findParticipant,
  hostOf,
  type Participant,
  type Room,
  roomDuration,
  type RoomEventType,
} from '../rooms/model.ts'

/** A message of `POST /message/send`, in the formats that the apps of TangSengDaoDao understand. */
export interface WukongMessage {
  /** The same for every attempt, so that WukongIM stores a repeated message once. */
  readonly clientMsgNo: string
  readonly header: { readonly no_persist: 0 | 1; readonly red_dot: 0 | 1; readonly sync_once: 0 | 1 }
  readonly from: string
  /** One user, in the chat between the two, or several users outside of any chat. */
  readonly to: string | readonly string[]
  readonly payload: object
  /** Of a ring: when it ends. */
  readonly deadline?: Date
}

/** Content types of messages: a command, and the record of a call. */
const COMMAND = 99
const CALL_RECORD = 9989

const HEADERS = {
  command: { no_persist: 0, red_dot: 0, sync_once: 1 },
  fleeting: { no_persist: 1, red_dot: 0, sync_once: 1 },
  record: { no_persist: 0, red_dot: 1, sync_once: 0 },
} as const

const CALL_TYPES = { audio: 0, video: 1 } as const

/** How a call between two ended, as the record says it. */
export const RESULTS = { cancelled: 0, hungUp: 1, missed: 2, declined: 3 } as const
type Result = keyof typeof RESULTS

/** Subscribers of one message: the maximum of WukongIM v3. */
export const SUBSCRIBERS_MAX = 1_000
/** In a group with more users present, only those concerned are told who declines and leaves. */
export const GROUP_MAX = 100

const WANTED: ReadonlySet<RoomEventType> = new Set<RoomEventType>([
  'room_created',
  'room_ended',
  'participant_invited',
  'participant_joined',
  'participant_left',
  'participant_rejected',
  'participant_missed',
  'participant_removed',
])

/** Whether messages may follow from events of this type. */
export const isTold = (type: RoomEventType): boolean => WANTED.has(type)

/** The messages that tell an event, in the order in which they are to be sent. */
export const messagesOf = (source: DeliveredUpdate): readonly WukongMessage[] =>
  source.update.room.type === 'p2p' ? callMessages(source) : groupMessages(source)

type CallCommand = 'invoke' | 'accept' | 'refuse' | 'cancel' | 'hangup'
type Side = 'caller' | 'callee'

function callMessages(source: DeliveredUpdate): readonly WukongMessage[] {
  const { update, before } = source
  const { type, room, at } = update
  const callee = room.participants.find(({ role }) => role === 'callee')
  if (!callee) return []
  const ids = { caller: room.callerId, callee: callee.userId } as const
  const command = (name: CallCommand, from: Side, extra: Partial<WukongMessage> = {}): WukongMessage => {
    const [uid, to] = from === 'caller' ? [ids.caller, ids.callee] : [ids.callee, ids.caller]
    const who =
      name === 'invoke' || name === 'accept'
        ? { from_uid: uid, call_type: CALL_TYPES[room.mediaType] }
        : { uid, ...(name === 'hangup' && { second: roomDuration(room, at) ?? 0 }) }
    return {
      clientMsgNo: `${numberOf(update)}-${name}-${from}`,
      header: HEADERS.command,
      from: uid,
      to,
      payload: { type: COMMAND, cmd: `rtc.p2p.${name}`, param: { ...who, room_id: room.id } },
      ...extra,
    }
  }

  if (type === 'room_created') {
    return ringsOf(source).map(({ deadline }) => command('invoke', 'caller', { ...(deadline && { deadline }) }))
  }
  if (type === 'participant_joined') {
    const wasInvited = before && findParticipant(before, callee.userId)?.state === 'invited'
    return wasInvited && callee.state === 'joined' ? [command('accept', 'callee', { header: HEADERS.fleeting })] : []
  }
  if (type !== 'room_ended') return []
  const { result, commands } = endOf(room, before)
  // To a callee for whom it did not ring, the call must stay unknown.
  const isKnown = callee.silent !== true || callee.joinedAt !== null
  return [
    ...commands.filter(([, from]) => isKnown || from === 'callee').map(([name, from]) => command(name, from)),
    ...(isKnown ? [recordOf(update, ids, result)] : []),
  ]
}

interface CallEnd {
  readonly result: Result
  /** Each tells the other side what the named side has done. */
  readonly commands: readonly (readonly [CallCommand, Side])[]
}

/** How the end of a call between two is told. If neither side has ended it, both are told that the other one has. */
function endOf(room: Room, before: Room | null): CallEnd {
  const by = endedBy(room, before)
  if (room.startedAt) {
    const sides: readonly Side[] = by ? [by] : ['caller', 'callee']
    return { result: 'hungUp', commands: sides.map((side) => ['hangup', side]) }
  }
  const stopBoth = [
    ['cancel', 'caller'],
    ['hangup', 'callee'],
  ] as const
  switch (room.endReason) {
    case 'rejected':
      return { result: 'declined', commands: [['refuse', 'callee']] }
    // Without an actor, the gateway has rejected the call before it could ring.
    case 'busy':
      return { result: room.endedBy === null ? 'missed' : 'declined', commands: [['refuse', 'callee']] }
    case 'missed':
    case 'expired':
      return { result: 'missed', commands: stopBoth }
    // Also an answered call that the caller never joined (`failed`).
    default:
      return { result: 'cancelled', commands: by === 'caller' ? [['cancel', 'caller']] : stopBoth }
  }
}

/** The side that has ended the call, also by staying disconnected. */
function endedBy(room: Room, before: Room | null): Side | undefined {
  const userId =
    room.endedBy ?? before?.participants.find(({ leaveReason }) => leaveReason === 'disconnected')?.userId ?? null
  if (userId === room.callerId) return 'caller'
  return userId !== null && userId === room.calleeId ? 'callee' : undefined
}

/** The texts of TangSengDaoDao's server, which apps show in the list of chats. */
const RECORD_TEXTS: Readonly<Record<Result, (second: number) => string>> = {
  cancelled: () => '通话取消',
  hungUp: (second) => `通话时长：${clock(second)}`,
  missed: () => '未接听',
  declined: () => '通话拒绝',
}

/** `mm:ss`. */
const clock = (second: number): string =>
  [Math.floor(second / 60), second % 60].map((part) => String(part).padStart(2, '0')).join(':')

function recordOf(update: RoomUpdate, ids: Readonly<Record<Side, string>>, result: Result): WukongMessage {
  const { room, at } = update
  const second = roomDuration(room, at) ?? 0
  return {
    clientMsgNo: numberOf(update),
    header: HEADERS.record,
    from: ids.caller,
    to: ids.callee,
    payload: {
      type: CALL_RECORD,
      content: RECORD_TEXTS[result](second),
      second,
      call_type: CALL_TYPES[room.mediaType],
      result_type: RESULTS[result],
    },
  }
}

function groupMessages(source: DeliveredUpdate): readonly WukongMessage[] {
  const { type, participant } = source.update
  switch (type) {
    case 'room_created':
    case 'participant_invited':
      return invokes(source)
    case 'participant_rejected':
    case 'participant_missed':
      return departures(source, 'refuse')
    case 'participant_left':
      // Another device of the user follows.
      if (participant?.leaveReason === 'replaced') return []
      // Leaving without having joined declines the invitation.
      return departures(source, participant?.joinedAt === null ? 'refuse' : 'hangup')
    case 'participant_removed':
      return departures(source, 'hangup')
    case 'room_ended':
      return endOfGroup(source)
    default:
      return []
  }
}

/** Rings for the users that the event invites. */
function invokes(source: DeliveredUpdate): readonly WukongMessage[] {
  const { update } = source
  const rings = ringsOf(source)
  const [first] = rings
  if (!first) return []
  const inviter = update.actorId ?? update.room.callerId
  const invited = rings.map(({ callee }) => callee.userId)
  const others = presentIn(update.room).filter((userId) => userId !== inviter && !invited.includes(userId))
  return chunksOf(invited).map((to, index) => ({
    ...groupMessage(update, { name: 'invoke', index, from: inviter, to }),
    payload: {
      type: COMMAND,
      cmd: 'room.invoke',
      param: {
        room_id: update.room.id,
        inviter,
        participants: [...to, ...others].slice(0, SUBSCRIBERS_MAX),
      },
    },
    ...(first.deadline && { deadline: first.deadline }),
  }))
}

/** Tells those present that the subject of the event is not in the call any more, and the subject's other devices. */
function departures(source: DeliveredUpdate, name: 'refuse' | 'hangup'): readonly WukongMessage[] {
  const { update } = source
  const { room, participantIds } = update
  const subjects = participantIds.filter((userId) => isKnownTo(findParticipant(room, userId)))
  const [participant] = subjects
  if (participant === undefined) return []
  // A message names one participant. If many leave at once, they are told that the host does.
  if (participantIds.length > 1) return hangUps(update, hostOf(room) ?? room.callerId, subjects)
  const others = presentIn(room)
  const to = [...new Set([participant, ...(others.length > GROUP_MAX ? [] : others)])]
  return [departure(update, { name, participant, to, index: 0 })]
}

/** The host hangs up, or whoever has ended the group: whoever was there or was called stops. */
const endOfGroup = ({ update, before }: DeliveredUpdate): readonly WukongMessage[] => {
  const { room } = update
  return hangUps(update, room.endedBy ?? hostOf(room) ?? room.callerId, before ? presentIn(before) : [])
}

const hangUps = (update: RoomUpdate, participant: string, userIds: readonly string[]): readonly WukongMessage[] =>
  chunksOf(userIds).map((to, index) => departure(update, { name: 'hangup', participant, to, index }))

interface Departure {
  readonly name: 'refuse' | 'hangup'
  readonly participant: string
  readonly to: readonly string[]
  readonly index: number
}

const departure = (update: RoomUpdate, { participant, ...rest }: Departure): WukongMessage => ({
  ...groupMessage(update, { ...rest, from: participant }),
  payload: { type: COMMAND, cmd: `room.${rest.name}`, param: { room_id: update.room.id, participant } },
})

const groupMessage = (
  update: RoomUpdate,
  { name, index, from, to }: { name: string; index: number; from: string; to: readonly string[] },
) => ({ clientMsgNo: `${numberOf(update)}-${name}-${index}`, header: HEADERS.command, from, to })

const ringsOf = (source: DeliveredUpdate) => ringChangesBy(source).filter(({ type }) => type === 'ringing')

/** The users who are in the room or for whom it rings. */
const presentIn = ({ participants }: Room): string[] =>
  [...participants.joined(), ...participants.ringing().filter(({ state }) => state === 'invited')]
    .filter(isKnownTo)
    .map(({ userId }) => userId)

/** Whether the user may know of the room: it rang for them, or they have joined. */
const isKnownTo = (participant: Participant | undefined): boolean =>
  participant !== undefined && (participant.silent !== true || participant.joinedAt !== null)

const chunksOf = (userIds: readonly string[]): string[][] => {
  const chunks: string[][] = []
  for (let from = 0; from < userIds.length; from += SUBSCRIBERS_MAX) {
    chunks.push(userIds.slice(from, from + SUBSCRIBERS_MAX))
  }
  return chunks
}

const numberOf = ({ room, seq }: RoomUpdate): string => `${room.id}-${seq}`
