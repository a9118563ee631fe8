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
import { endedSentence, errorSentence } from '../../src/web/sentences.ts'

const AT = '2030-01-01T12:00:00.000Z'

const person = (userId: string, state: ParticipantState): Participant => ({
  id: `1:${userId}`,
  userId,
  role: 'member',
  state,
  audio: false,
  video: false,
  connected: false,
  joinedAt: null,
  leftAt: null,
  leaveReason: null,
  duration: 0,
  sessionId: null,
})

/** A call that alice made to bob. */
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
  participants: [person('alice', 'left'), person('bob', bob)],
})
interface Over {
  readonly duration: number | null
  readonly bob: ParticipantState
}

describe('what the page says', () => {
  const codes = [...GATEWAY_ERROR_CODES, ...CLIENT_ERROR_CODES]

  it('is another sentence for each code', () => {
    const sentences = codes.map((code) => errorSentence(new RtcError(code, 'the reason')))
    expect(new Set(sentences).size).toBe(codes.length)
    for (const sentence of sentences) expect(sentence).toMatch(/^[A-Z].*[.\w]$/)
  })

  it('names the device, and how the call goes on', () => {
    const missing = new RtcError('DEVICE_NOT_FOUND', 'the reason')
    expect(errorSentence(missing, 'camera')).toBe('No camera was found. The call goes on without your picture.')
    expect(errorSentence(missing, 'microphone')).toBe(
      'No microphone was found. The call goes on, but nobody hears you.',
    )
  })

  it('tells what is wrong with an input', () => {
    const problems = [{ path: 'calleeId', message: 'You cannot call yourself.' }]
    expect(errorSentence(new RtcError('BAD_USER_INPUT', 'the reason', { problems }))).toContain(problems[0]?.message)
  })

  it('tells each of two why their call is over', () => {
    const told = (reason: EndReason) => ['alice', 'bob'].map((userId) => endedSentence(over(reason), reason, userId))
    expect(told('missed')).toEqual(['bob did not answer.', 'Missed a call from alice.'])
    expect(told('rejected')).toEqual(['bob declined.', 'Call declined.'])
    expect(told('cancelled')).toEqual(['Call cancelled.', 'alice has cancelled the call.'])
    expect(told('completed')).toEqual(['Call with bob ended.', 'Call with alice ended.'])
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
    expect(historyRow(room, 'alice')).toMatchObject({ who: 'bob', outgoing: true, result: caller, missed: false })
    const row = historyRow(room, 'bob')
    expect(row).toMatchObject({ who: 'alice', outgoing: false, result: callee, missed: callee === 'Missed' })
    expect(row.duration).toBe(rest.duration ?? null)
  })

  it('shows durations as a clock does', () => {
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
