import { describe, expect, it } from 'vitest'
import {
  CLIENT_ERROR_CODES,
  type EndReason,
  GATEWAY_ERROR_CODES,
  type Participant,
  type ParticipantState,
  type Room,
  RtcError,
} from '../../src/sdk/index.ts'
import { clock, historyRow } from '../../src/web/history.ts'
import { isolated, nameOf, namesOf, plain } from '../../src/web/sentence.ts'
import { INITIAL } from '../../src/web/phone-state.ts'
import { endedSentence, errorSentence, eventSentence } from '../../src/web/sentences.ts'
import { statusOf } from '../../src/web/status.ts'

const AT = '2030-01-01T12:00:00.000Z'

const person = (userId: string, state: ParticipantState, rest: Partial<Participant> = {}): Participant => ({
  id: `1:${userId}`,
  userId,
  uid: 1,
  role: 'member',
  state,
  audio: false,
  video: false,
  connected: false,
  joinedAt: state === 'left' ? AT : null,
  leftAt: null,
  leaveReason: null,
  duration: 0,
  sessionId: null,
  lostAt: null,
  reach: null,
  ...rest,
})

/** A call from alice to bob. */
const over = (endReason: EndReason, { duration = null, bob = 'left' }: Partial<Over> = {}): Room => ({
  id: '1',
  type: 'p2p',
  callerId: 'alice',
  calleeId: 'bob',
  mediaType: 'video',
  status: 'ended',
  createdAt: AT,
  name: null,
  metadata: null,
  provider: 'webrtc',
  access: 'invited',
  maxParticipants: 2,
  seq: 9,
  startedAt: null,
  endedAt: AT,
  endReason,
  duration,
  activeUntil: null,
  hostId: null,
  reach: null,
  participants: [person('alice', 'left'), person('bob', bob)],
})
interface Over {
  readonly duration: number | null
  readonly bob: ParticipantState
}

describe('the messages of the page', () => {
  const codes = [...GATEWAY_ERROR_CODES, ...CLIENT_ERROR_CODES]

  it('differ for each error code', () => {
    const sentences = codes.map((code) => plain(errorSentence(new RtcError(code, 'the reason'))))
    expect(new Set(sentences).size).toBe(codes.length)
    for (const sentence of sentences) expect(sentence).toMatch(/^[A-Z].*[.\w]$/)
  })

  it('name the device, and how the call continues', () => {
    const missing = new RtcError('DEVICE_NOT_FOUND', 'the reason')
    expect(plain(errorSentence(missing, 'camera'))).toBe('No camera was found. The call goes on without your picture.')
    expect(plain(errorSentence(missing, 'microphone'))).toBe(
      'No microphone was found. The call goes on, but nobody hears you.',
    )
  })

  it('describe an invalid input', () => {
    const problems = [{ path: 'calleeId', message: 'You cannot call yourself.' }]
    expect(plain(errorSentence(new RtcError('BAD_USER_INPUT', 'the reason', { problems })))).toContain(
      problems[0]?.message,
    )
  })

  it('tell each of two why their call ended', () => {
    const told = (reason: EndReason) =>
      ['alice', 'bob'].map((userId) => plain(endedSentence(over(reason), reason, userId)))
    expect(told('missed')).toEqual(['bob did not answer.', 'Missed a call from alice.'])
    const unreached = { ...over('missed'), reach: 'none' } as const
    expect(plain(endedSentence(unreached, 'missed', 'alice'))).toBe(
      'The call did not reach bob: no device was connected.',
    )
    expect(told('rejected')).toEqual(['bob declined.', 'Call declined.'])
    expect(told('cancelled')).toEqual(['Call cancelled.', 'alice has cancelled the call.'])
    expect(told('completed')).toEqual(['Call with bob ended.', 'Call with alice ended.'])
  })

  it('name only those who joined a group', () => {
    const room = { ...over('completed'), type: 'group', calleeId: null } as const
    const participants = [person('alice', 'left'), person('bob', 'left'), person('carol', 'missed')]
    expect(plain(endedSentence({ ...room, participants }, 'completed', 'alice'))).toBe('Call with bob ended.')
    const alone = [person('alice', 'left'), person('bob', 'missed')]
    expect(plain(endedSentence({ ...room, participants: alone }, 'completed', 'alice'))).toBe('Call ended.')
  })

  it('tell whose lost connection ended a call', () => {
    const participants = [person('alice', 'left'), person('bob', 'left', { leaveReason: 'disconnected' })]
    const room = { ...over('completed'), participants }
    expect(['alice', 'bob'].map((userId) => plain(endedSentence(room, 'completed', userId)))).toEqual([
      'Call with bob ended: the connection to bob was lost.',
      'Your connection was lost for too long: the call is over.',
    ])
  })

  it('contain no field names or values of the API', () => {
    const paths = ['calleeId', 'participantIds.3', 'userIds.0', 'callerId', '']
    const problems = paths.map((path) => ({ path, message: 'must be another user than the calleeId' }))
    const wrong = plain(errorSentence(new RtcError('BAD_USER_INPUT', 'the reason', { problems })))
    expect(wrong).toContain('“Who to call” must be another user than the one who is called.')
    const types = ['room_ended', 'participant_updated', 'participant_left', 'snapshot'] as const
    const events = types.map((type) => {
      const event = { seq: 1, type, at: AT, actorId: null, subjectId: 'bob', room: over('rejected') }
      return plain(eventSentence(event))
    })
    for (const sentence of [wrong, ...events]) expect(sentence).not.toMatch(/[a-z][A-Z]|_/)
  })

  it.each([
    ['none', 'Ringing bob… No device of bob is connected.', 'bob was reached'],
    ['pushed', 'Ringing bob… A notification was sent to bob.', 'A notification was sent to bob'],
    ['connected', 'Ringing bob…', 'A device of bob is ringing'],
  ] as const)('tell the caller of a ring with reach %s', (reach, status, event) => {
    const bob = person('bob', 'invited', { reach })
    const room: Room = { ...over('missed'), status: 'waiting', reach, participants: [person('alice', 'joined'), bob] }
    expect(plain(statusOf({ ...INITIAL, gateway: 'connected', room }, 'alice'))).toBe(status)
    const update = { seq: 2, type: 'participant_updated', at: AT, actorId: null, subjectId: 'bob' } as const
    expect(plain(eventSentence(reach === 'none' ? update : { ...update, participant: bob, room }))).toBe(event)
  })

  it('keep names as separate parts, as spelled', () => {
    expect(namesOf(['a\u202Eb', 'carol'])).toEqual([{ name: 'a\u202Eb' }, ' and ', { name: 'carol' }])
    expect(isolated('a\u202Eb')).toBe('\u2068a\uFFFDb\u2069')
  })
})

describe('the history', () => {
  it.each<[EndReason, Partial<Over>, caller: string, callee: string]>([
    ['completed', { duration: 61 }, 'Ended', 'Ended'],
    ['missed', { bob: 'missed' }, 'No answer', 'Missed'],
    ['cancelled', { bob: 'missed' }, 'Cancelled', 'Missed'],
    ['cancelled', {}, 'Cancelled', 'Missed'],
    ['rejected', { bob: 'rejected' }, 'Declined', 'Declined'],
    ['busy', {}, 'Busy', 'Busy'],
  ])('shows %s %j as %s to the caller and %s to the callee', (reason, rest, caller, callee) => {
    const room = over(reason, rest)
    expect(historyRow(room, 'alice')).toMatchObject({
      who: nameOf('bob'),
      outgoing: true,
      result: caller,
      missed: false,
    })
    const row = historyRow(room, 'bob')
    expect(row).toMatchObject({ who: nameOf('alice'), outgoing: false, result: callee, missed: callee === 'Missed' })
    expect(row.duration).toBe(rest.duration ?? null)
  })

  it('tells the caller that a missed call reached no device', () => {
    const room = { ...over('missed', { bob: 'missed' }), reach: 'none' } as const
    expect([historyRow(room, 'alice').result, historyRow(room, 'bob').result]).toEqual(['Not reached', 'Missed'])
  })

  it('formats durations', () => {
    expect([0, 7.9, 61, 3599, 3600, 36_061].map(clock)).toEqual([
      '0:00',
      '0:07',
      '1:01',
      '59:59',
      '1:00:00',
      '10:01:01',
    ])
  })
})
