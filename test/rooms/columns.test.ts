import { describe, expect, it } from 'vitest'
import { AWAITED_STREAMS, EVENTS, PARTICIPANTS, ROOMS } from '../../src/rooms/columns.ts'
import { newParticipant, type Participant, type RoomEvent } from '../../src/rooms/model.ts'
import { eventRow, toEvent } from '../../src/rooms/rows.ts'
import { defineTable } from '../../src/rooms/table.ts'
import { describeSchema, readSchema } from '../db/prisma-schema.ts'

interface AnyColumn {
  readonly type: string
  readonly mutable: boolean
  readonly nullable?: boolean
  readonly name?: string
}

/** Column types in the notation of `describeSchema`. */
const TYPE_NAMES: Readonly<Record<string, string>> = {
  uuid: 'uuid',
  text: 'text',
  integer: 'integer',
  'double precision': 'double precision',
  boolean: 'boolean',
  jsonb: 'jsonb',
  'timestamptz(3)': 'timestamp(3) with time zone',
}

const descriptionsOf = (table: string, columns: object): string[] =>
  Object.entries<AnyColumn>({ ...columns }).map(
    ([field, { type, nullable, name = field }]) =>
      `${table}.${name} ${TYPE_NAMES[type] ?? `enum ${type}`}${nullable === true ? '' : ' not null'}`,
  )

/** A column that the database fills and no commit reads. */
const GENERATED = /^RoomEvent\.xid /
const schema = describeSchema(readSchema()).filter((line) => !GENERATED.test(line))

it.each([
  ['Room', ROOMS.columns],
  ['Participant', PARTICIPANTS.columns],
  ['RoomEvent', EVENTS.columns],
  ['AwaitedStream', AWAITED_STREAMS.columns],
])('the columns of %s are those of prisma/schema.prisma', (table, columns) => {
  const expected = schema.filter((line) => line.startsWith(`${table}.`))
  expect(expected.length).toBeGreaterThan(5)
  expect(descriptionsOf(table, columns).toSorted()).toEqual(expected.toSorted())
})

describe('adding a column to a table definition extends', () => {
  type Extended = Participant & { readonly wavedAt: Date | null; readonly origin: string | null }
  const extended = defineTable<Extended>('Participant', {
    ...PARTICIPANTS.columns,
    wavedAt: { type: 'timestamptz(3)', nullable: true, mutable: true, name: 'waved_at' },
    origin: { type: 'text', nullable: true, mutable: false },
  })
  const participant = newParticipant({ id: 'room' }, 'alice', { ordinal: 0, role: 'caller', ringsUntil: null })
  const wavedAt = new Date('2026-01-01T00:00:00Z')
  const alice: Extended = { ...participant, wavedAt, origin: 'web' }

  it('the column list of an INSERT', () => {
    expect(extended.columnList).toBe(`${PARTICIPANTS.columnList}, "waved_at", "origin"`)
  })

  it('the columns that a commit updates, if it is mutable', () => {
    expect(extended.mutable).toEqual([...PARTICIPANTS.mutable, { name: 'waved_at', type: 'timestamptz(3)' }])
    expect(extended.assignments).toBe(`${PARTICIPANTS.assignments}, "waved_at" = excluded."waved_at"`)
    expect(extended.toMutableRow(alice)).toEqual({ ...PARTICIPANTS.toMutableRow(participant), waved_at: wavedAt })
  })

  it('the row that is given to PostgreSQL, without the columns that are null', () => {
    const { roomId, userId, ordinal, role, state, audio, video, connected, silent } = participant
    const values = { roomId, userId, ordinal, role, state, audio, video, connected, silent }
    expect(extended.toGivenRow({ ...alice, origin: null })).toEqual({ ...values, stayed: 0, waved_at: wavedAt })
  })

  it('the conversions to and from rows', () => {
    const row = extended.toRow(alice)
    expect(row).toEqual({ ...PARTICIPANTS.toRow(participant), waved_at: wavedAt, origin: 'web' })
    expect(extended.fromRow(JSON.parse(JSON.stringify(row)) as typeof row)).toEqual(alice)
  })
})

it('completedSeconds is stored as `stayed`, in rows and in events', () => {
  const participant = newParticipant({ id: 'room' }, 'alice', { ordinal: 0, role: 'caller', ringsUntil: null })
  const event: RoomEvent = {
    roomId: 'room',
    seq: 2,
    type: 'participant_left',
    actorId: 'alice',
    subjectId: 'alice',
    data: { participants: [{ ...participant, completedSeconds: 7 }] },
    at: new Date('2026-01-01T00:00:00Z'),
  }
  const stored = eventRow(event)
  expect(stored).toHaveProperty('data.participants.0.stayed', 7)
  expect(stored).not.toHaveProperty('data.participants.0.completedSeconds')
  expect(toEvent(JSON.parse(JSON.stringify(stored)) as typeof stored)).toEqual(event)
})

describe('rows of other versions', () => {
  const participant = newParticipant({ id: 'room' }, 'alice', { ordinal: 0, role: 'caller', ringsUntil: null })

  it('a column that an older version lacks is null', () => {
    const { silent: _, ...older } = PARTICIPANTS.toRow(participant)
    expect(PARTICIPANTS.fromRow(older)).toEqual({ ...participant, silent: null })
  })

  it('an unknown column of a newer version is preserved', () => {
    const newer = { ...PARTICIPANTS.toRow(participant), mood: 'good' }
    expect(PARTICIPANTS.toRow(PARTICIPANTS.fromRow(newer))).toEqual(newer)
  })

  it('a row without a column that is not nullable throws', () => {
    const { state: _, ...broken } = PARTICIPANTS.toRow(participant)
    expect(() => PARTICIPANTS.fromRow(broken)).toThrow('row of Participant without column state')
  })
})
