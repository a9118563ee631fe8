import { describe, expect, test } from 'vitest'
import type { Actor } from '../../src/core/actor.ts'
import { PARTICIPANT_STATES, type ParticipantState, type Room } from '../../src/rooms/model.ts'
import { readScope, refusalOf } from '../../src/rooms/policy.ts'
import { decideCreate } from '../../src/rooms/rules/create.ts'

const LIMITS = { ring: 45, grace: 20, empty: 30, maxDuration: 3600, meshMax: 6 }
const user = (id: string, ...scopes: string[]): Actor => ({ id, scopes: new Set(scopes) })
const [alice, bob, carol, root] = [user('alice'), user('bob'), user('carol'), user('root', 'rtc:admin')]

/** A group of alice in which bob has this state. */
function groupWith(state: ParticipantState): Room {
  const decision = decideCreate(
    {
      type: 'create',
      actor: alice,
      calleeIsBusy: false,
      expectStream: false,
      calleeIsOffline: false,
      silentFor: new Set(),
      connected: new Set(),
      room: {
        id: '01900000-0000-7000-8000-000000000001',
        type: 'group',
        callerId: 'alice',
        calleeId: null,
        participantIds: ['bob'],
        mediaType: 'video',
        name: null,
        metadata: null,
        provider: 'webrtc',
        access: 'invited',
        maxParticipants: null,
        clientRequestId: null,
        requestHash: null,
      },
    },
    new Date(),
    LIMITS,
  )
  if (decision.kind === 'refusal') throw new Error(decision.message)
  const { room } = decision
  const bob = room.participants.get('bob')
  if (!bob) throw new TypeError('bob is invited')
  return { ...room, participants: room.participants.with([{ ...bob, state }]) }
}

/** Whether the actor's list contains the room, by the condition of the page's statement. */
function isListed(actor: Actor, room: Room): boolean {
  const scope = readScope(actor)
  if (scope === 'all') return true
  const participant = room.participants.get(scope.participantId)
  return participant !== undefined && participant.state !== scope.exceptState
}

describe('the permission to read one room and the list of rooms agree', () => {
  test.each(PARTICIPANT_STATES.flatMap((state) => [bob, carol, root].map((actor) => ({ state, actor }))))(
    'for $actor.id, if bob is $state',
    ({ state, actor }) => {
      const room = groupWith(state)
      expect(refusalOf('read', { actor, room }) === undefined).toBe(isListed(actor, room))
    },
  )
})

test('the first requirement that fails decides the refusal', () => {
  const over: Room = { ...groupWith('left'), status: 'ended' }
  expect(refusalOf('connect', { actor: carol, room: over })?.code).toBe('FORBIDDEN')
  expect(refusalOf('connect', { actor: bob, room: over })?.code).toBe('ROOM_ENDED')
  expect(refusalOf('join', { actor: carol, room: over })?.code).toBe('ROOM_ENDED')
})
