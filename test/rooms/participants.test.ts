import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Participant, newParticipant } from '../../src/rooms/model.ts'
import { Participants } from '../../src/rooms/participants.ts'
import { SEED } from '../seed.ts'

const time = fc.option(fc.constantFrom(1, 2, 3, 4).map((second) => new Date(second * 1000)))
const row = fc.record({
  state: fc.constantFrom('invited', 'joined', 'left'),
  ringsUntil: time,
  graceUntil: time,
  leavesAt: time,
  joinedAt: time,
})

type Row = typeof row extends fc.Arbitrary<infer T> ? T : never

const participant = (ordinal: number, fields: Partial<Row>): Participant => ({
  ...newParticipant({ id: 'room' }, `user-${ordinal}`, { ordinal, role: 'member', ringsUntil: null }),
  ...fields,
})

/** The expected summary, computed from every participant of the list. */
function expectedSummary(list: readonly Participant[]) {
  const deadlines = list.flatMap((participant) =>
    [participant.ringsUntil, participant.graceUntil, participant.leavesAt].flatMap((at) => (at ? [at.getTime()] : [])),
  )
  return {
    length: list.length,
    joined: list.filter(({ state }) => state === 'joined'),
    ringing: list.filter(({ ringsUntil }) => ringsUntil !== null),
    invitedCount: list.filter(({ state }) => state === 'invited').length,
    everJoined: list.some(({ joinedAt }) => joinedAt !== null),
    due: deadlines.length > 0 ? Math.min(...deadlines) : undefined,
  }
}

const summaryOf = (participants: Participants) => ({
  length: participants.length,
  joined: participants.joined(),
  ringing: participants.ringing(),
  invitedCount: participants.invitedCount,
  everJoined: participants.everJoined,
  due: participants.nextDeadline?.at.getTime(),
})

/** Batches of changes: of an existing participant, given as a share of the length, or of a new one. */
const changes = fc.array(
  fc.array(fc.tuple(fc.option(fc.double({ min: 0, max: 0.999, noNaN: true })), row), { maxLength: 40 }),
  { maxLength: 8 },
)

test('every version equals the list after the same changes', () => {
  fc.assert(
    fc.property(fc.array(row, { maxLength: 200 }), changes, (first, batches) => {
      const list = first.map((fields, ordinal) => participant(ordinal, fields))
      let participants = Participants.of(list)
      const versions: [Participants, Participant[]][] = [[participants, [...list]]]
      for (const batch of batches) {
        const rows = new Map<number, Participant>()
        for (const [share, fields] of batch) {
          const size = Math.max(list.length, ...[...rows.keys()].map((ordinal) => ordinal + 1))
          const ordinal = share === null ? size : Math.floor(share * size)
          rows.set(ordinal, participant(ordinal, fields))
        }
        for (const [ordinal, changed] of rows) list[ordinal] = changed
        participants = participants.with([...rows.values()])
        versions.push([participants, [...list]])
      }
      // Earlier versions are unchanged.
      for (const [version, expected] of versions) {
        expect([...version]).toEqual(expected)
        expect(summaryOf(version)).toEqual(expectedSummary(expected))
        expect(expected.map(({ userId }) => version.get(userId))).toEqual(expected)
      }
    }),
    { numRuns: 300, seed: SEED },
  )
})

test('the next deadline of several at the same time is that of the least ordinal', () => {
  const at = new Date(1000)
  const list = Array.from({ length: 100 }, (_, ordinal) => participant(ordinal, ordinal < 10 ? {} : { graceUntil: at }))
  expect(Participants.of(list).nextDeadline).toEqual({ kind: 'grace', at, participant: list[10] })
  expect(Participants.of([participant(0, { ringsUntil: at, graceUntil: at, leavesAt: at })]).nextDeadline?.kind).toBe(
    'ring',
  )
})

test('finds users in two versions that derive from the same one', () => {
  const base = Participants.of([participant(0, {})])
  const named = (userId: string, ordinal: number) => ({ ...participant(ordinal, {}), userId })
  const one = base.with([named('bob', 1), named('carol', 2)])
  const other = base.with([named('carol', 1)])
  expect(one.get('carol')?.ordinal).toBe(2)
  expect(other.get('carol')?.ordinal).toBe(1)
  expect(one.get('bob')?.ordinal).toBe(1)
  expect(other.get('bob')).toBeUndefined()
  expect(base.get('carol')).toBeUndefined()
})

test('a change of one participant recomputes only one chunk', () => {
  const list = Array.from({ length: 10_000 }, (_, ordinal) => participant(ordinal, {}))
  const before = Participants.of(list)
  let reads = 0
  const counted = new Proxy(participant(5000, {}), {
    get(target, key, receiver) {
      if (key === 'state') reads += 1
      return Reflect.get(target, key, receiver)
    },
  })
  const after = before.with([counted])
  expect(after.invitedCount).toBe(10_000)
  const again = after.with([participant(1, { state: 'joined' })])
  expect(again.joinedCount).toBe(1)
  // The participant's chunk was summarised once, and not again after the change of another chunk.
  expect(reads).toBeLessThanOrEqual(2)
})
