import { describe, expect, test } from 'vitest'
import type { Actor } from '../../src/core/actor.ts'
import { updateOf } from '../../src/events/event.ts'
import { apply, type Room, type RoomEvent } from '../../src/rooms/model.ts'
import type { RoomCommand } from '../../src/rooms/rules/command.ts'
import { type CreateCommand, decideCreate } from '../../src/rooms/rules/create.ts'
import { decide } from '../../src/rooms/rules/decide.ts'
import type { Decision } from '../../src/rooms/rules/decision.ts'
import { messagesOf, SUBSCRIBERS_MAX, type WukongMessage } from '../../src/wukongim/message.ts'

const LIMITS = { ring: 45, grace: 20, empty: 30, maxDuration: 3600, meshMax: 6 }
const START = Date.parse('2026-01-01T00:00:00Z')
const ROOM = '01900000-0000-7000-8000-000000000001'
const user = (id: string, ...scopes: string[]): Actor => ({ id, scopes: new Set(scopes) })
const [alice, bob, carol, admin] = [user('alice'), user('bob'), user('carol'), user('admin', 'rtc:admin')]

/** A command, preceded by so many seconds. */
type Step = RoomCommand | { readonly after: number; readonly command: RoomCommand }

const tick: RoomCommand = { type: 'tick' }
const after = (seconds: number, command: RoomCommand = tick): Step => ({ after: seconds, command })
const join = (actor: Actor, deviceId: string | null = null): RoomCommand => ({
  type: 'join',
  actor,
  deviceId,
  sessionId: null,
  expectStream: false,
  mesh: false,
  audio: null,
  video: null,
})
const leave = (actor: Actor): RoomCommand => ({ type: 'leave', actor, deviceId: null, sessionId: null, after: 0 })
const end = (actor: Actor): RoomCommand => ({ type: 'end', actor })
const reject = (actor: Actor, reason: 'declined' | 'busy' = 'declined'): RoomCommand => ({
  type: 'reject',
  actor,
  reason,
})
const lost = (actor: Actor): RoomCommand => ({ type: 'disconnect', userId: actor.id, deviceId: null })
const remove = (actor: Actor, userId: string): RoomCommand => ({ type: 'remove', actor, userId })
const invite = (actor: Actor, ...userIds: string[]): RoomCommand => ({
  type: 'invite',
  actor,
  userIds,
  silentFor: new Set(),
  connected: new Set(),
})

type Creation = Partial<Omit<CreateCommand, 'room'>> & { readonly room?: Partial<CreateCommand['room']> }

/** The messages of every event of a room with these commands. */
function told(steps: readonly Step[], { room, ...creation }: Creation = {}): readonly WukongMessage[] {
  let now = START
  let before: Room | null = null
  const events: RoomEvent[] = []
  const accept = (decision: Decision): Room => {
    if (decision.kind === 'refusal') throw new Error(`refused: ${decision.code} ${decision.message}`)
    events.push(...decision.events)
    return decision.room
  }
  const created: CreateCommand = {
    type: 'create',
    actor: alice,
    expectStream: false,
    calleeIsBusy: false,
    calleeIsOffline: false,
    silentFor: new Set(),
    connected: new Set(),
    ...creation,
    room: {
      id: ROOM,
      type: 'p2p',
      callerId: 'alice',
      calleeId: 'bob',
      participantIds: [],
      mediaType: 'video',
      name: null,
      metadata: null,
      provider: 'webrtc',
      access: 'invited',
      maxParticipants: null,
      clientRequestId: null,
      requestHash: null,
      ...room,
    },
  }
  let state = accept(decideCreate(created, new Date(now), LIMITS))
  for (const step of steps) {
    now += 1000 * ('after' in step && 'command' in step ? step.after : 1)
    state = accept(decide(state, 'command' in step ? step.command : step, new Date(now), LIMITS))
  }
  const rooms: Room[] = []
  for (const event of events) rooms.push(apply(rooms.at(-1) ?? null, event))
  return events.flatMap((event, index) => {
    const [room_, following, next] = [rooms[index], rooms[index + 1], events[index + 1]]
    if (!room_) return []
    const messages = messagesOf({
      update: updateOf(event, room_),
      before,
      next: next && following ? updateOf(next, following) : null,
    })
    before = room_
    return messages
  })
}

/** `alice→bob invoke`, and for the record its result and seconds. */
function inWords({ from, to, payload }: WukongMessage): string {
  const { cmd, param, result_type, second } = payload as {
    cmd?: string
    param?: { uid?: string; from_uid?: string; participant?: string; inviter?: string; second?: number }
    result_type?: number
    second?: number
  }
  const receivers = [to].flat().join('+')
  if (cmd === undefined) return `${from}→${receivers} record ${result_type} ${second}s`
  // Person commands name their sender; commands of groups may name somebody else.
  expect(param?.uid ?? param?.from_uid ?? from).toBe(from)
  const name = cmd.split('.').at(-1)
  const who = param?.participant ?? param?.inviter
  return `${from}→${receivers} ${name}${who === undefined ? '' : ` ${who}`}${param?.second ? ` ${param.second}s` : ''}`
}

const RING = 'alice→bob invoke'
const ANSWER = 'bob→alice accept'

describe('a call between two', () => {
  test.each<[string, readonly Step[], readonly string[]]>([
    [
      'the caller hangs up',
      [join(alice), join(bob), after(65, end(alice))],
      [RING, ANSWER, 'alice→bob hangup 65s', 'alice→bob record 1 65s'],
    ],
    [
      'the callee hangs up',
      [join(bob), join(alice), after(9, leave(bob))],
      [RING, ANSWER, 'bob→alice hangup 9s', 'alice→bob record 1 9s'],
    ],
    ['the callee declines', [join(alice), reject(bob)], [RING, 'bob→alice refuse', 'alice→bob record 3 0s']],
    ['the callee declines by leaving', [leave(bob)], [RING, 'bob→alice refuse', 'alice→bob record 3 0s']],
    ['the callee declines by ending', [end(bob)], [RING, 'bob→alice refuse', 'alice→bob record 3 0s']],
    ['the callee is busy', [reject(bob, 'busy')], [RING, 'bob→alice refuse', 'alice→bob record 3 0s']],
    ['the caller cancels', [join(alice), leave(alice)], [RING, 'alice→bob cancel', 'alice→bob record 0 0s']],
    ['the caller calls again', [{ type: 'supersede' }], [RING, 'alice→bob cancel', 'alice→bob record 0 0s']],
    [
      'nobody answers',
      [join(alice), after(46)],
      [RING, 'alice→bob cancel', 'bob→alice hangup', 'alice→bob record 2 0s'],
    ],
    [
      'the caller disappears while it rings',
      [join(alice), lost(alice), after(21)],
      [RING, 'alice→bob cancel', 'alice→bob record 0 0s'],
    ],
    [
      'the callee answers, and the caller never joins',
      [join(bob), after(46)],
      [RING, ANSWER, 'alice→bob cancel', 'bob→alice hangup', 'alice→bob record 0 0s'],
    ],
    [
      'the callee answers and hangs up before the caller joins',
      [join(bob), leave(bob)],
      [RING, ANSWER, 'bob→alice refuse', 'alice→bob record 3 0s'],
    ],
    [
      'the callee disappears',
      [join(alice), join(bob), after(10, lost(bob)), after(21)],
      [RING, ANSWER, 'bob→alice hangup 10s', 'alice→bob record 1 10s'],
    ],
    [
      'an administrator ends it',
      [join(alice), join(bob), after(5, end(admin))],
      [RING, ANSWER, 'alice→bob hangup 5s', 'bob→alice hangup 5s', 'alice→bob record 1 5s'],
    ],
    [
      'an administrator ends it while it rings',
      [end(admin)],
      [RING, 'alice→bob cancel', 'bob→alice hangup', 'alice→bob record 0 0s'],
    ],
    [
      'it reaches the maximum duration',
      [join(alice), join(bob), after(3601)],
      [RING, ANSWER, 'alice→bob hangup 3601s', 'bob→alice hangup 3601s', 'alice→bob record 1 3601s'],
    ],
    [
      'another device of the callee takes over',
      [join(alice), join(bob, 'phone'), join(bob, 'laptop'), after(3, end(alice))],
      [RING, ANSWER, 'alice→bob hangup 4s', 'alice→bob record 1 4s'],
    ],
    [
      'the callee calls the caller meanwhile, and joins this call instead',
      [join(bob), join(alice), after(2, end(bob))],
      [RING, ANSWER, 'bob→alice hangup 2s', 'alice→bob record 1 2s'],
    ],
  ])('when %s', (_, steps, expected) => {
    expect(told(steps).map(inWords)).toEqual(expected)
  })

  test('to a user whom the gateway knows to be busy does not ring, and is recorded as missed', () => {
    expect(told([], { calleeIsBusy: true }).map(inWords)).toEqual(['bob→alice refuse', 'alice→bob record 2 0s'])
  })

  test('to a user who has blocked the caller stays unknown to them', () => {
    const silentFor = new Set(['bob'])
    expect(told([after(46)], { silentFor }).map(inWords)).toEqual(['bob→alice hangup'])
    expect(told([leave(alice)], { silentFor }).map(inWords)).toEqual([])
    const answered = told([join(bob), join(alice), after(1, end(alice))], { silentFor })
    expect(answered.map(inWords)).toEqual([ANSWER, 'alice→bob hangup 1s', 'alice→bob record 1 1s'])
  })

  test('has the payloads and headers of TangSengDaoDao, the room in addition', () => {
    const command = { no_persist: 0, red_dot: 0, sync_once: 1 }
    const messages = told([join(alice), join(bob), after(65, end(alice))], { room: { mediaType: 'audio' } })
    expect(messages.map(({ header, payload }) => [header, payload])).toEqual([
      [command, { type: 99, cmd: 'rtc.p2p.invoke', param: { from_uid: 'alice', call_type: 0, room_id: ROOM } }],
      [
        { ...command, no_persist: 1 },
        { type: 99, cmd: 'rtc.p2p.accept', param: { from_uid: 'bob', call_type: 0, room_id: ROOM } },
      ],
      [command, { type: 99, cmd: 'rtc.p2p.hangup', param: { uid: 'alice', second: 65, room_id: ROOM } }],
      [
        { no_persist: 0, red_dot: 1, sync_once: 0 },
        { type: 9989, content: '通话时长：01:05', second: 65, call_type: 0, result_type: 1 },
      ],
    ])
    const [declined, cancelled] = [told([reject(bob)]), told([leave(alice)])]
    expect(declined[1]?.payload).toEqual({ type: 99, cmd: 'rtc.p2p.refuse', param: { uid: 'bob', room_id: ROOM } })
    expect(cancelled[1]?.payload).toEqual({ type: 99, cmd: 'rtc.p2p.cancel', param: { uid: 'alice', room_id: ROOM } })
    expect(declined[2]?.payload).toMatchObject({ content: '通话拒绝', call_type: 1 })
    expect(cancelled[2]?.payload).toMatchObject({ content: '通话取消' })
    expect(told([after(46)])[3]?.payload).toMatchObject({ content: '未接听' })
  })

  test('numbers its messages by room and event: the record is <room>-<seq> of the end', () => {
    const messages = told([join(alice), join(bob), end(admin)])
    expect(messages.map(({ clientMsgNo }) => clientMsgNo)).toEqual([
      `${ROOM}-1-invoke-caller`,
      `${ROOM}-3-accept-callee`,
      `${ROOM}-5-hangup-caller`,
      `${ROOM}-5-hangup-callee`,
      `${ROOM}-5`,
    ])
    expect(messages.map(({ deadline }) => deadline?.getTime())).toEqual([START + 45_000, ...Array<undefined>(4)])
  })
})

describe('a group', () => {
  const group: Creation = { room: { type: 'group', calleeId: null, participantIds: ['bob', 'carol'] } }
  const RINGS = 'alice→bob+carol invoke alice'

  test.each<[string, readonly Step[], readonly string[]]>([
    ['a member declines', [join(alice), reject(bob)], [RINGS, 'bob→bob+alice+carol refuse bob']],
    ['a member leaves without having joined', [join(alice), leave(bob)], [RINGS, 'bob→bob+alice+carol refuse bob']],
    [
      'members do not answer',
      [join(alice), after(46)],
      [RINGS, 'bob→bob+alice+carol refuse bob', 'carol→carol+alice refuse carol'],
    ],
    ['a member hangs up', [join(alice), join(bob), leave(bob)], [RINGS, 'bob→bob+alice+carol hangup bob']],
    ['a member is removed', [join(alice), join(bob), remove(alice, 'bob')], [RINGS, 'bob→bob+alice+carol hangup bob']],
    ['a member changes the device', [join(alice), join(bob, 'phone'), join(bob, 'laptop')], [RINGS]],
    [
      'a member disappears',
      [join(alice), join(bob), reject(carol), lost(bob), after(21)],
      [RINGS, 'carol→carol+alice+bob refuse carol', 'bob→bob+alice hangup bob'],
    ],
    ['the host ends it', [join(alice), join(bob), end(alice)], [RINGS, 'alice→alice+bob+carol hangup alice']],
    ['an administrator ends it', [join(bob), end(admin)], [RINGS, 'admin→bob+carol hangup admin']],
    ['nobody ever joins', [after(46)], [RINGS, 'alice→bob+carol hangup alice']],
    [
      'somebody is invited again',
      [join(alice), reject(bob), invite(alice, 'bob', 'dave')],
      [RINGS, 'bob→bob+alice+carol refuse bob', 'alice→bob invoke alice', 'alice→dave invoke alice'],
    ],
  ])('when %s', (_, steps, expected) => {
    expect(told(steps, group).map(inWords)).toEqual(expected)
  })

  test('does not tell those who have blocked the caller', () => {
    const messages = told([join(alice), end(alice)], { ...group, silentFor: new Set(['carol']) })
    expect(messages.map(inWords)).toEqual(['alice→bob invoke alice', 'alice→alice+bob hangup alice'])
  })

  test('has the payloads and headers of TangSengDaoDao', () => {
    const [ring, refusal, end_] = told([join(alice), reject(bob), end(alice)], group)
    const header = { no_persist: 0, red_dot: 0, sync_once: 1 }
    expect(ring).toMatchObject({
      header,
      payload: {
        type: 99,
        cmd: 'room.invoke',
        param: { room_id: ROOM, inviter: 'alice', participants: ['bob', 'carol'] },
      },
    })
    expect(refusal).toMatchObject({
      header,
      payload: { type: 99, cmd: 'room.refuse', param: { room_id: ROOM, participant: 'bob' } },
    })
    expect(end_).toMatchObject({
      header,
      payload: { type: 99, cmd: 'room.hangup', param: { room_id: ROOM, participant: 'alice' } },
    })
  })

  test('of thousands is told in messages of at most 1000 subscribers', () => {
    const participantIds = Array.from({ length: 2_500 }, (_, nth) => `user-${nth}`)
    const large: Creation = { room: { ...group.room, participantIds, maxParticipants: 3_000, provider: 'livekit' } }
    const messages = told([join(alice), join(user('user-7')), leave(user('user-7')), after(46), end(alice)], large)
    const sizes = messages.map(({ clientMsgNo, to }) => [clientMsgNo.slice(ROOM.length + 1), to.length])
    expect(sizes).toEqual([
      ['1-invoke-0', SUBSCRIBERS_MAX],
      ['1-invoke-1', SUBSCRIBERS_MAX],
      ['1-invoke-2', 500],
      // Too many are present to tell all of them of each other.
      ['5-hangup-0', 1],
      ['6-hangup-0', SUBSCRIBERS_MAX],
      ['6-hangup-1', SUBSCRIBERS_MAX],
      ['6-hangup-2', 499],
      ['7-hangup-0', 1],
    ])
  })
})
