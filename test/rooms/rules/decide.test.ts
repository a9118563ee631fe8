import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Actor } from '../../../src/core/actor.ts'
import { type CreateCommand, decideCreate } from '../../../src/rooms/rules/create.ts'
import type { RoomCommand } from '../../../src/rooms/rules/command.ts'
import { decide } from '../../../src/rooms/rules/decide.ts'
import type { Accepted, Decision } from '../../../src/rooms/rules/decision.ts'
import { apply, findParticipant, type Room } from '../../../src/rooms/model.ts'
import { SEED } from '../../seed.ts'

const LIMITS = { ring: 45, grace: 20, empty: 30, maxDuration: 3600, meshMax: 6 }
const START = new Date('2026-01-01T00:00:00Z')
const after = (seconds: number): Date => new Date(START.getTime() + seconds * 1000)
const user = (id: string, ...scopes: string[]): Actor => ({ id, scopes: new Set(scopes) })
const [alice, bob, carol, dave] = [user('alice'), user('bob'), user('carol'), user('dave')]

const newRoom: CreateCommand['room'] = {
  id: '01900000-0000-7000-8000-000000000001',
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
}
const group = { type: 'group', calleeId: null, participantIds: ['bob', 'carol'] } as const

function accepted(decision: Decision): Accepted {
  if (decision.kind === 'refusal') throw new Error(`refused: ${decision.code} ${decision.message}`)
  return decision
}
const creation = {
  type: 'create',
  actor: alice,
  expectStream: false,
  calleeIsBusy: false,
  calleeIsOffline: false,
  silentFor: new Set<string>(),
  connected: new Set<string>(),
  room: newRoom,
} as const
const create = (room: Partial<CreateCommand['room']> = {}, actor = alice): Decision =>
  decideCreate({ ...creation, actor, room: { ...newRoom, ...room } }, START, LIMITS)
const created = (room: Partial<CreateCommand['room']> = {}): Room => accepted(create(room)).room

const join = (
  actor: Actor,
  deviceId: string | null = null,
  sessionId: string | null = null,
  expectStream = false,
): RoomCommand => ({
  type: 'join',
  actor,
  deviceId,
  sessionId,
  expectStream,
  mesh: false,
  audio: null,
  video: null,
})
const leave = (actor: Actor): RoomCommand & { type: 'leave' } => ({
  type: 'leave',
  actor,
  deviceId: null,
  sessionId: null,
  after: 0,
})
const end = (actor: Actor): RoomCommand => ({ type: 'end', actor })
const tick: RoomCommand = { type: 'tick' }
const reject = (actor: Actor, reason: 'declined' | 'busy' = 'declined'): RoomCommand => ({
  type: 'reject',
  actor,
  reason,
})
const invite = (actor: Actor, ...userIds: string[]): RoomCommand => ({
  type: 'invite',
  actor,
  userIds,
  silentFor: new Set(),
  connected: new Set(),
})
const remove = (actor: Actor, userId: string): RoomCommand => ({ type: 'remove', actor, userId })
const update = (actor: Actor, flags: { audio?: boolean; video?: boolean }): RoomCommand => ({
  type: 'update',
  actor,
  audio: flags.audio ?? null,
  video: flags.video ?? null,
})
const disconnect = (userId: string, deviceId: string | null = null): RoomCommand => ({
  type: 'disconnect',
  userId,
  deviceId,
})
const reconnect = (userId: string, deviceId: string | null = null): RoomCommand => ({
  type: 'reconnect',
  userId,
  deviceId,
})
const codeOf = (room: Room, command: RoomCommand, seconds = 5): unknown => {
  const decision = decide(room, command, after(seconds), LIMITS)
  return decision.kind === 'refusal' ? decision.code : decision.events.map(({ type }) => type)
}

/** Decides `[seconds, command]` steps in order; every command must be accepted. */
function run(room: Room, ...steps: [number, RoomCommand][]): { room: Room; types: string[] } {
  const types: string[] = []
  let current = room
  for (const [seconds, command] of steps) {
    const { room: next, events } = accepted(decide(current, command, after(seconds), LIMITS))
    types.push(...events.map((event) => event.type))
    current = next
  }
  return { room: current, types }
}

const active = (): Room => run(created(), [1, join(alice)], [2, join(bob)]).room

describe('a p2p call', () => {
  test('is waiting until both have joined, and completed when one of them leaves', () => {
    const { room, types } = run(created(), [1, join(alice)], [2, join(bob)], [12, leave(alice)])
    expect(types).toEqual([
      'participant_joined',
      'participant_joined',
      'room_started',
      'participant_left',
      'room_ended',
    ])
    expect(room).toMatchObject({ status: 'ended', endReason: 'completed', endedBy: 'alice', startedAt: after(2) })
    expect(findParticipant(room, 'alice')).toMatchObject({ state: 'left', leaveReason: 'left', completedSeconds: 11 })
    expect(findParticipant(room, 'bob')).toMatchObject({ state: 'left', leaveReason: 'ended', completedSeconds: 10 })
  })

  test.each([
    ['the caller leaves', leave(alice), 'cancelled'],
    ['the callee leaves', leave(bob), 'rejected'],
    ['the caller ends', end(alice), 'cancelled'],
    ['the callee ends', end(bob), 'rejected'],
    ['an administrator ends', end(user('root', 'rtc:admin')), 'cancelled'],
  ])('while waiting: when %s it is %s', (_who, command, reason) => {
    expect(run(created(), [1, join(alice)], [5, command]).room).toMatchObject({ status: 'ended', endReason: reason })
  })

  test('is missed when the callee does not answer before the ring timeout', () => {
    const rung = run(created(), [1, join(alice)], [44, tick])
    expect(rung.room.status).toBe('waiting')
    const { room, types } = run(rung.room, [45, tick])
    expect(types).toEqual(['participant_missed', 'room_ended'])
    expect(room).toMatchObject({ endReason: 'missed', endedBy: null, deadlineAt: null })
    expect(findParticipant(room, 'bob')?.state).toBe('missed')
  })

  test('fails when the callee joins and the caller never does', () => {
    expect(run(created(), [10, join(bob)], [45, tick]).room).toMatchObject({ status: 'ended', endReason: 'failed' })
  })

  test('expires at its maximum duration', () => {
    expect(run(active(), [3601, tick]).room.status).toBe('active')
    expect(run(active(), [3602, tick]).room).toMatchObject({ status: 'ended', endReason: 'expired' })
  })

  test('admits only the caller and the callee', () => {
    expect(decide(active(), join(carol), after(3), LIMITS)).toMatchObject({ code: 'NOT_INVITED' })
  })
})

describe('a group', () => {
  test('stays open when a participant leaves, and ends as empty after the empty timeout', () => {
    const left = run(created(group), [1, join(alice)], [2, join(bob)], [3, leave(alice)], [4, leave(bob)])
    expect(left.room).toMatchObject({ status: 'active', emptyAt: after(34), deadlineAt: after(34) })
    expect(run(left.room, [20, join(bob)], [40, tick]).room.status).toBe('active')
    expect(run(left.room, [34, tick]).room).toMatchObject({ status: 'ended', endReason: 'empty' })
  })

  test('stays open when an invitation is missed, and still admits the invited user later', () => {
    const { room } = run(created(group), [1, join(alice)], [2, join(bob)], [45, tick])
    expect(findParticipant(room, 'carol')?.state).toBe('missed')
    expect(findParticipant(run(room, [60, join(carol)]).room, 'carol')?.state).toBe('joined')
  })

  test('can be ended only by its host', () => {
    const { room } = run(created(group), [1, join(alice)], [2, join(bob)])
    expect(decide(room, end(bob), after(3), LIMITS)).toMatchObject({ code: 'FORBIDDEN' })
    expect(run(room, [3, end(alice)]).room).toMatchObject({ status: 'ended', endReason: 'completed' })
  })

  test('with access by link admits any user until it is full', () => {
    const room = created({ ...group, participantIds: [], access: 'link', maxParticipants: 2 })
    const full = run(room, [1, join(carol)], [2, join(dave)]).room
    expect(decide(full, join(bob), after(3), LIMITS)).toMatchObject({ code: 'ROOM_FULL' })
    expect(findParticipant(run(full, [3, leave(carol)], [4, join(bob)]).room, 'bob')?.role).toBe('member')
  })

  test('adds up all memberships of a participant', () => {
    const { room } = run(created(group), [0, join(bob)], [5, leave(bob)], [10, join(bob)], [12, leave(bob)])
    expect(findParticipant(room, 'bob')?.completedSeconds).toBe(7)
  })
})

describe('joining', () => {
  test('again from the same device changes nothing', () => {
    expect(accepted(decide(active(), join(bob), after(3), LIMITS)).events).toEqual([])
  })

  test('from another device replaces the first and keeps the call', () => {
    const { room, types } = run(active(), [3, join(bob, 'phone')])
    expect(types).toEqual(['participant_left', 'participant_joined'])
    expect(room.status).toBe('active')
    expect(findParticipant(room, 'bob')).toMatchObject({ state: 'joined', deviceId: 'phone', completedSeconds: 1 })
  })

  test('from another device is not undone by a late leave of the first', () => {
    const { room } = run(active(), [3, join(bob, 'phone')])
    expect(accepted(decide(room, { ...leave(bob), deviceId: 'tablet' }, after(4), LIMITS)).events).toEqual([])
    expect(run(room, [4, { ...leave(bob), deviceId: 'phone' }]).room.status).toBe('ended')
  })

  test('publishes video in a video room and not in an audio room, unless requested otherwise', () => {
    const video = (room: Room) => findParticipant(room, 'alice')?.video
    expect(video(run(created(), [1, join(alice)]).room)).toBe(true)
    expect(video(run(created({ mediaType: 'audio' }), [1, join(alice)]).room)).toBe(false)
  })
})

test('a call to a busy callee ends at once if BUSY_POLICY is reject', () => {
  const decision = accepted(decideCreate({ ...creation, calleeIsBusy: true }, START, LIMITS))
  expect(decision.events.map(({ type }) => type)).toEqual(['room_created', 'participant_rejected', 'room_ended'])
  expect(decision.room).toMatchObject({ status: 'ended', endReason: 'busy', endedBy: null, deadlineAt: null })
  expect(findParticipant(decision.room, 'bob')?.state).toBe('rejected')
})

describe('reach', () => {
  const reachOf = (room: Room, userId = 'bob') => findParticipant(room, userId)?.reach
  const reached = (reach: 'pushed' | 'connected', userId = 'bob'): RoomCommand => ({ type: 'reached', userId, reach })
  const call = (facts: Partial<CreateCommand>): Room =>
    accepted(decideCreate({ ...creation, ...facts }, START, LIMITS)).room
  const bobIs = new Set(['bob'])

  test.each([
    ['a connected callee', { connected: bobIs }, 'connected'],
    ['a callee without a connected device', {}, 'none'],
    ['a connected callee who has blocked the caller', { connected: bobIs, silentFor: bobIs }, 'none'],
    ['a busy callee, for whom nothing rings', { connected: bobIs, calleeIsBusy: true }, null],
  ])('of a call to %s', (_, facts, reach) => {
    const room = call(facts)
    expect([reachOf(room), reachOf(room, 'alice'), room.reach]).toEqual([reach, null, reach])
  })

  test('is of each invited participant in a group', () => {
    const room = call({ connected: bobIs, room: { ...newRoom, ...group } })
    expect([reachOf(room), reachOf(room, 'carol'), reachOf(room, 'alice'), room.reach]).toEqual([
      'connected',
      'none',
      null,
      null,
    ])
  })

  test('only gets further, with one event each time', () => {
    const { room, types } = run(
      created(),
      [1, reached('pushed')],
      [1, reached('pushed')],
      [2, reached('connected')],
      [3, reached('pushed')],
      [3, reached('connected')],
    )
    expect(types).toEqual(['participant_updated', 'participant_updated'])
    expect([reachOf(room), room.reach]).toEqual(['connected', 'connected'])
  })

  test.each([
    ['the caller', [reached('connected', 'alice')]],
    ['a user who is no participant', [reached('connected', 'dave')]],
    ['a callee who has answered', [join(bob), reached('connected')]],
  ])('does not change for %s', (_, commands) => {
    const { types } = run(created(), ...commands.map((command): [number, RoomCommand] => [1, command]))
    expect(types).not.toContain('participant_updated')
  })

  test('does not change once the ring is over, nor for a user who has blocked the caller', () => {
    expect(run(created(), [60, reached('connected')]).types).toEqual(['participant_missed', 'room_ended'])
    expect(run(call({ silentFor: bobIs }), [1, reached('connected')]).types).toEqual([])
  })

  test('begins anew with each invitation', () => {
    const inviteBob: RoomCommand = {
      type: 'invite',
      actor: alice,
      userIds: ['bob'],
      silentFor: new Set(),
      connected: new Set(),
    }
    const connected = call({ connected: bobIs, room: { ...newRoom, ...group } })
    expect(reachOf(connected)).toBe('connected')
    const { room } = run(connected, [2, reject(bob)], [3, inviteBob])
    expect(reachOf(room)).toBe('none')
    const again = run(created(group), [2, reject(bob)], [3, { ...inviteBob, connected: bobIs }])
    expect(reachOf(again.room)).toBe('connected')
  })

  test('stays as it was at the invitation in a group', () => {
    expect(run(created(group), [1, reached('connected')]).types).toEqual([])
  })
})

test('a call to an offline callee is refused if RING_OFFLINE is fail, unless it ends as busy', () => {
  const decision = (facts: Partial<CreateCommand>) =>
    decideCreate({ ...creation, calleeIsOffline: true, ...facts }, START, LIMITS)
  expect(decision({})).toMatchObject({ code: 'CALLEE_OFFLINE' })
  expect(decision({ calleeIsBusy: true })).toMatchObject({ room: { endReason: 'busy' } })
  expect(decision({ room: { ...newRoom, calleeId: null } })).toMatchObject({ code: 'BAD_USER_INPUT' })
})

describe('rejecting', () => {
  test.each([
    ['declined', 'rejected'],
    ['busy', 'busy'],
  ] as const)('a call as %s ends it as %s', (reason, endReason) => {
    const { room, types } = run(created(), [1, join(alice)], [2, reject(bob, reason)])
    expect(types).toEqual(['participant_joined', 'participant_rejected', 'room_ended'])
    expect(room).toMatchObject({ status: 'ended', endReason, endedBy: 'bob' })
    expect(findParticipant(room, 'bob')?.state).toBe('rejected')
  })

  test('leaves a group open, and the user may still join', () => {
    const { room } = run(created(group), [1, reject(bob)])
    expect(room.status).toBe('waiting')
    expect(codeOf(room, reject(bob))).toEqual([])
    expect(codeOf(room, join(bob))).toEqual(['participant_joined'])
  })

  test('requires an open invitation', () => {
    expect(codeOf(active(), reject(bob))).toBe('CONFLICT')
    expect(codeOf(created(), reject(alice))).toBe('FORBIDDEN')
    expect(codeOf(created(), reject(carol))).toBe('FORBIDDEN')
    expect(codeOf(run(created(), [1, end(alice)]).room, reject(bob))).toBe('CONFLICT')
  })
})

describe('the host of a group', () => {
  test('invites, and the invitation rings until its own deadline', () => {
    const { room, types } = run(created(group), [10, invite(alice, 'dave', 'bob', 'dave')])
    expect(types).toEqual(['participant_invited'])
    expect(findParticipant(room, 'dave')).toMatchObject({ state: 'invited', role: 'member', ringsUntil: after(55) })
    expect(findParticipant(run(room, [50, tick]).room, 'bob')?.state).toBe('missed')
    expect(findParticipant(run(room, [50, tick]).room, 'dave')?.state).toBe('invited')
  })

  test('invites again users who have rejected or left', () => {
    const { room } = run(created(group), [1, reject(bob)], [2, join(carol)], [3, leave(carol)])
    expect(codeOf(room, invite(alice, 'bob', 'carol'))).toEqual(['participant_invited', 'participant_invited'])
  })

  test('removes a participant until they are invited again', () => {
    const { room, types } = run(created(group), [1, join(bob)], [4, remove(alice, 'bob')])
    expect(types).toEqual(['participant_joined', 'participant_removed'])
    expect(findParticipant(room, 'bob')).toMatchObject({
      state: 'removed',
      leaveReason: 'removed',
      completedSeconds: 3,
    })
    expect(room.emptyAt).toEqual(after(34))
    for (const command of [join(bob), leave(bob), reject(bob)]) expect(codeOf(room, command)).toBe('FORBIDDEN')
    expect(codeOf(room, remove(alice, 'bob'))).toEqual([])
    expect(run(room, [5, invite(alice, 'bob')], [6, join(bob)]).types).toEqual([
      'participant_invited',
      'participant_joined',
    ])
  })

  test('is the only user who may invite and remove, and only in a group that has not ended', () => {
    for (const command of [invite(bob, 'dave'), remove(bob, 'carol'), remove(alice, 'alice')]) {
      expect(codeOf(created(group), command)).toBe('FORBIDDEN')
    }
    expect(codeOf(created(group), remove(alice, 'dave'))).toBe('NOT_FOUND')
    expect(codeOf(created(), invite(alice, 'dave'))).toBe('FORBIDDEN')
    const over = run(created(group), [1, end(alice)]).room
    expect([codeOf(over, invite(alice, 'dave')), codeOf(over, remove(alice, 'bob'))]).toEqual([
      'ROOM_ENDED',
      'ROOM_ENDED',
    ])
    const full = run(created({ ...group, maxParticipants: 2 }), [1, join(bob)], [2, join(carol)]).room
    expect(codeOf(full, invite(alice, 'dave'))).toBe('ROOM_FULL')
  })
})

describe('presence', () => {
  test('continues when the participant reconnects within the grace', () => {
    const { room, types } = run(active(), [3, disconnect('bob')], [10, reconnect('bob')], [60, tick])
    expect(types).toEqual(['participant_disconnected', 'participant_reconnected'])
    expect(findParticipant(room, 'bob')).toMatchObject({ state: 'joined', connected: true, graceUntil: null })
  })

  describe('lost media', () => {
    const [lost, back] = [disconnect('bob'), reconnect('bob')].map(
      (command) => ({ ...command, of: 'media' }) as RoomCommand,
    )
    const live: RoomCommand = { type: 'reconnect', userId: 'bob', deviceId: null, of: 'live stream' }
    const stateOf = (...steps: [number, RoomCommand][]) => findParticipant(run(active(), ...steps).room, 'bob')

    test('begins the grace, which the live stream does not end', () => {
      expect(stateOf([3, lost ?? tick], [4, live])).toMatchObject({
        connected: false,
        mediaLost: true,
        lostAt: after(3),
      })
      expect(stateOf([3, lost ?? tick], [60, tick])).toMatchObject({ state: 'left', leaveReason: 'disconnected' })
    })

    test.each([
      ['media that is back', back],
      ['a new stream', reconnect('bob')],
      ['a new session of the device', { ...join(bob), sessionId: 'next', expectStream: true } as RoomCommand],
    ])('is over with %s', (_what, command) => {
      const state = stateOf([3, lost ?? tick], [4, command ?? tick], [60, tick])
      expect(state).toMatchObject({ state: 'joined', connected: true, mediaLost: null, lostAt: null })
    })

    test('that is back does not replace a lost stream', () => {
      expect(stateOf([3, disconnect('bob')], [4, back ?? tick])).toMatchObject({ connected: false })
      const both: [number, RoomCommand][] = [
        [3, lost ?? tick],
        [4, disconnect('bob')],
        [5, back ?? tick],
      ]
      expect(stateOf(...both)).toMatchObject({ connected: false, mediaLost: false, lostAt: after(3) })
      expect(stateOf(...both, [6, live])).toMatchObject({ connected: true })
    })

    test('that is back does not cancel a delayed leave', () => {
      const leaving = { ...leave(bob), after: 5 }
      const steps: [number, RoomCommand][] = [
        [3, lost ?? tick],
        [4, leaving],
        [5, back ?? tick],
      ]
      expect(stateOf(...steps)).toMatchObject({ connected: false, leavesAt: after(9) })
      expect(stateOf(...steps, [60, tick])).toMatchObject({ state: 'left', leaveReason: 'left' })
    })

    test('after a lost stream changes nothing', () => {
      const room = run(active(), [3, disconnect('bob')]).room
      expect(codeOf(room, lost ?? tick)).toEqual([])
    })
  })

  test('ends with the grace when the participant does not reconnect, and the call ends too', () => {
    const lost = run(active(), [3, disconnect('bob')]).room
    expect(findParticipant(lost, 'bob')).toMatchObject({ state: 'joined', connected: false })
    expect(lost.deadlineAt).toEqual(after(23))
    const { room, types } = run(lost, [23, tick])
    expect(types).toEqual(['participant_left', 'room_ended'])
    expect(findParticipant(room, 'bob')).toMatchObject({ state: 'left', leaveReason: 'disconnected' })
    expect(room).toMatchObject({ endReason: 'completed', endedBy: null })
  })

  test('is lost only by joined participants, and only once', () => {
    expect(codeOf(created(), disconnect('bob'))).toEqual([])
    expect(codeOf(active(), disconnect('carol'))).toEqual([])
    expect(codeOf(run(active(), [3, disconnect('bob')]).room, disconnect('bob'))).toEqual([])
    expect(codeOf(active(), reconnect('bob'))).toEqual([])
  })
})

test('a joined participant may change what they publish', () => {
  const { room, types } = run(active(), [3, update(bob, { video: false })], [4, update(bob, { video: false })])
  expect(types).toEqual(['participant_updated'])
  expect(findParticipant(room, 'bob')).toMatchObject({ audio: true, video: false })
  expect(codeOf(created(), update(bob, { video: false }))).toBe('FORBIDDEN')
  expect(codeOf(active(), update(carol, { video: false }))).toBe('FORBIDDEN')
})

test('a passed deadline is applied before a late command', () => {
  expect(codeOf(created(), join(bob), 46)).toBe('ROOM_ENDED')
  expect(codeOf(created(), leave(bob), 46)).toEqual(['participant_missed', 'room_ended'])
})

describe('creating', () => {
  test.each([
    ['without a callee', { calleeId: null }, 'calleeId'],
    ['calling oneself', { calleeId: 'alice' }, 'calleeId'],
    ['a call with participantIds', { participantIds: ['carol'] }, 'participantIds'],
    ['a call by link', { access: 'link' }, 'access'],
    ['a call of three seats', { maxParticipants: 3 }, 'maxParticipants'],
    ['a group with a callee', { type: 'group' }, 'calleeId'],
    ['more invited than seats', { ...group, maxParticipants: 1 }, 'participantIds'],
  ] satisfies [string, Partial<CreateCommand['room']>, string][])('%s is refused', (_what, room, path) => {
    expect(create(room)).toMatchObject({ code: 'BAD_USER_INPUT', problems: [{ path }] })
  })

  test('in the name of another user needs rtc:admin', () => {
    expect(create({}, carol)).toMatchObject({ code: 'FORBIDDEN' })
    expect(create({}, user('carol', 'rtc:admin'))).toMatchObject({ kind: 'change' })
  })

  test('ignores duplicate invitations and an invitation of the caller', () => {
    const room = created({ ...group, participantIds: ['bob', 'alice', 'bob'] })
    expect(room.participants.map(({ userId, role }) => [userId, role])).toEqual([
      ['alice', 'caller'],
      ['bob', 'member'],
    ])
  })
})

describe('after any sequence of commands', () => {
  const people = [alice, bob, carol, dave, user('root', 'rtc:admin')]
  const actor = fc.constantFrom(...people)
  const command = fc.oneof(
    fc.record({ actor, deviceId: fc.constantFrom(null, 'phone') }).map(({ actor, deviceId }) => join(actor, deviceId)),
    actor.map(leave),
    actor.map(end),
    fc.constant(tick),
    actor.map((actor) => reject(actor)),
    fc.tuple(actor, actor).map(([actor, { id }]) => invite(actor, id)),
    fc.tuple(actor, actor).map(([actor, { id }]) => remove(actor, id)),
    fc.tuple(actor, fc.boolean()).map(([actor, video]) => update(actor, { video })),
    actor.map(({ id }) => disconnect(id)),
    actor.map(({ id }) => reconnect(id)),
  )
  const steps = fc.array(fc.record({ wait: fc.nat(60), command }), { maxLength: 40 })
  const anyRoom = fc.constantFrom(
    created(),
    created(group),
    created({ ...group, participantIds: ['bob'], access: 'link', maxParticipants: 2 }),
  )

  /** Every decision of a sequence, with the room before it. */
  function* decisions(room: Room, sequence: readonly { wait: number; command: RoomCommand }[]) {
    let current = room
    let seconds = 0
    for (const { wait, command } of sequence) {
      seconds += wait
      const decision = decide(current, command, after(seconds), LIMITS)
      yield { before: current, command, now: after(seconds), decision }
      if (decision.kind === 'change') current = decision.room
    }
  }

  const always = (
    claim: (step: { before: Room; command: RoomCommand; now: Date; decision: Decision }) => void,
  ): void => {
    fc.assert(
      fc.property(anyRoom, steps, (room, sequence) => {
        for (const step of decisions(room, sequence)) claim(step)
      }),
      { numRuns: 2000, seed: SEED },
    )
  }

  test('a room that has ended never changes again', () => {
    always(({ before, decision }) => {
      if (before.status === 'ended' && decision.kind === 'change') expect(decision.events).toEqual([])
    })
  })

  test('seats never exceed the maximum', () => {
    always(({ before }) => expect(before.participants.joinedCount).toBeLessThanOrEqual(before.maxParticipants))
  })

  test('a p2p call has only the caller and the callee as participants', () => {
    always(({ before }) => {
      if (before.type !== 'p2p') return
      expect(before.participants.map(({ userId }) => userId)).toEqual(['alice', 'bob'])
    })
  })

  test('seq increases by the number of events, without a gap', () => {
    always(({ before, decision }) => {
      if (decision.kind === 'refusal') return
      const { events, room } = decision
      expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => before.seq + index + 1))
      expect(room.seq).toBe(before.seq + events.length)
    })
  })

  test('the room is the fold of its events', () => {
    always(({ before, decision }) => {
      if (decision.kind === 'change') expect(decision.events.reduce<Room>(apply, before)).toEqual(decision.room)
    })
  })

  test('repeating a command at the same time changes nothing', () => {
    always(({ command, now, decision }) => {
      if (decision.kind === 'refusal') return
      const again = decide(decision.room, command, now, LIMITS)
      expect(again.kind === 'change' ? again.events : []).toEqual([])
    })
  })

  test('an open room always has a deadline in the future, an ended room has none', () => {
    always(({ decision, now, command }) => {
      if (decision.kind === 'refusal') return
      const { status, deadlineAt } = decision.room
      if (status === 'ended') expect(deadlineAt).toBeNull()
      else if (command.type === 'tick') expect(deadlineAt?.getTime()).toBeGreaterThan(now.getTime())
      else expect(deadlineAt).not.toBeNull()
    })
  })

  test('a removed participant stays removed until the host invites them again', () => {
    always(({ before, command, decision }) => {
      if (decision.kind === 'refusal') return
      for (const { userId, state } of before.participants) {
        if (state !== 'removed') continue
        const isInvited = command.type === 'invite' && command.userIds.includes(userId)
        expect(isInvited ? ['invited', 'removed'] : ['removed']).toContain(
          findParticipant(decision.room, userId)?.state,
        )
      }
    })
  })

  test('only joined participants are connected or have a grace', () => {
    always(({ decision }) => {
      if (decision.kind === 'refusal') return
      for (const { state, connected, graceUntil } of decision.room.participants) {
        expect(connected).toBe(state === 'joined' && graceUntil === null)
        if (state !== 'joined') expect(graceUntil).toBeNull()
      }
    })
  })

  test('a room becomes active when two participants have joined', () => {
    always(({ before, decision }) => {
      if (decision.kind === 'refusal' || before.status !== 'waiting') return
      expect(decision.room.status === 'active').toBe(
        decision.room.status !== 'ended' && decision.room.participants.joinedCount >= 2,
      )
    })
  })
})

describe('a session', () => {
  const sessionOf = (room: Room, userId: string) => findParticipant(room, userId)?.sessionId
  const leaveSession = (actor: Actor, sessionId: string): RoomCommand => ({ ...leave(actor), sessionId })

  test('gets an id from the gateway if the client sends none, and a repeated join keeps it', () => {
    const room = run(created(), [1, join(alice, 'phone')]).room
    expect(sessionOf(room, 'alice')).toBe(`${room.id}:2`)
    expect(run(room, [2, join(alice, 'phone')]).types).toEqual([])
    const again = run(created(group), [1, join(alice)], [2, leave(alice)], [3, join(alice)]).room
    expect(sessionOf(again, 'alice')).toBe(`${again.id}:4`)
  })

  test('of another client on the same device takes over the membership as an update', () => {
    const { room, types } = run(
      created(),
      [1, join(alice, 'tab', 's-1')],
      [2, update(alice, { audio: false })],
      [3, join(alice, 'tab', 's-1')],
      [4, join(alice, 'tab', 's-2')],
    )
    expect(types).toEqual(['participant_joined', 'participant_updated', 'participant_updated'])
    expect(findParticipant(room, 'alice')).toMatchObject({ sessionId: 's-2', audio: true, joinedAt: after(1) })
  })

  test('that has ended can neither end a later session nor decline an invitation', () => {
    const { room } = run(active(), [3, join(bob, null, 's-1')], [4, join(bob, null, 's-2')])
    expect(codeOf(room, leaveSession(bob, 's-1'))).toEqual([])
    expect(codeOf(room, leaveSession(bob, 's-2'))).toEqual(['participant_left', 'room_ended'])
    const invited = run(created(group), [1, join(alice)], [1, join(bob, null, 's-1')], [2, leave(bob)])
    const again = run(invited.room, [3, invite(alice, 'bob')]).room
    expect(codeOf(again, leaveSession(bob, 's-1'))).toEqual([])
    expect(sessionOf(again, 'bob')).toBeNull()
  })

  test('ends with the seat', () => {
    const { room } = run(active(), [3, join(bob, 'tablet')], [4, leave(alice)])
    expect([sessionOf(room, 'alice'), sessionOf(room, 'bob')]).toEqual([null, null])
  })
})
