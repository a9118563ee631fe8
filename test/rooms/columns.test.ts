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

/** The words of the schema's description. */
const WORDS: Readonly<Record<string, string>> = {
  uuid: 'uuid',
  text: 'text',
  integer: 'integer',
  'double precision': 'double precision',
  boolean: 'boolean',
  jsonb: 'jsonb',
  'timestamptz(3)': 'timestamp(3) with time zone',
}

const sentencesOf = (table: string, columns: object): string[] =>
  Object.entries<AnyColumn>({ ...columns }).map(
    ([field, { type, nullable, name = field }]) =>
      `${table}.${name} ${WORDS[type] ?? `enum ${type}`}${nullable === true ? '' : ' not null'}`,
  )

const schema = describeSchema(readSchema())

it.each([
  ['Room', ROOMS.columns],
  ['Participant', PARTICIPANTS.columns],
  ['RoomEvent', EVENTS.columns],
  ['AwaitedStream', AWAITED_STREAMS.columns],
])('the columns of %s are those of prisma/schema.prisma', (table, columns) => {
  const expected = schema.filter((sentence) => sentence.startsWith(`${table}.`))
  expect(expected.length).toBeGreaterThan(5)
  expect(sentencesOf(table, columns).toSorted()).toEqual(expected.toSorted())
})

describe('whatever depends on the columns follows from one line of the table', () => {
  type Grown = Participant & { readonly wavedAt: Date | null; readonly origin: string | null }
  const grown = defineTable<Grown>('Participant', {
    ...PARTICIPANTS.columns,
    wavedAt: { type: 'timestamptz(3)', nullable: true, mutable: true, name: 'waved_at' },
    origin: { type: 'text', nullable: true, mutable: false },
  })
  const place = newParticipant({ id: 'room' }, 'alice', { ordinal: 0, role: 'caller', ringsUntil: null })
  const wavedAt = new Date('2026-01-01T00:00:00Z')
  const alice: Grown = { ...place, wavedAt, origin: 'web' }

  it('what an INSERT lists', () => {
    expect(grown.columnList).toBe(`${PARTICIPANTS.columnList}, "waved_at", "origin"`)
  })

  it('what a commit changes: mutable columns alone', () => {
    expect(grown.mutable).toEqual([...PARTICIPANTS.mutable, { name: 'waved_at', type: 'timestamptz(3)' }])
    expect(grown.assignments).toBe(`${PARTICIPANTS.assignments}, "waved_at" = excluded."waved_at"`)
    expect(grown.toMutableRow(alice)).toEqual({ ...PARTICIPANTS.toMutableRow(place), waved_at: wavedAt })
  })

  it('what is written and what is read', () => {
    const row = grown.toRow(alice)
    expect(row).toEqual({ ...PARTICIPANTS.toRow(place), waved_at: wavedAt, origin: 'web' })
    expect(grown.fromRow(JSON.parse(JSON.stringify(row)) as typeof row)).toEqual(alice)
  })
})

it('the time of completed sessions has a column of another name, which stored events have, too', () => {
  const place = newParticipant({ id: 'room' }, 'alice', { ordinal: 0, role: 'caller', ringsUntil: null })
  const event: RoomEvent = {
    roomId: 'room',
    seq: 2,
    type: 'participant_left',
    actorId: 'alice',
    subjectId: 'alice',
    data: { participants: [{ ...place, completedSeconds: 7 }] },
    at: new Date('2026-01-01T00:00:00Z'),
  }
  const stored = eventRow(event)
  expect(stored).toHaveProperty('data.participants.0.stayed', 7)
  expect(stored).not.toHaveProperty('data.participants.0.completedSeconds')
  expect(toEvent(JSON.parse(JSON.stringify(stored)) as typeof stored)).toEqual(event)
})

describe('rows of other versions', () => {
  const place = newParticipant({ id: 'room' }, 'alice', { ordinal: 0, role: 'caller', ringsUntil: null })

  it('a column that an older version did not have is null', () => {
    const { silent: _, ...older } = PARTICIPANTS.toRow(place)
    expect(PARTICIPANTS.fromRow(older)).toEqual({ ...place, silent: null })
  })

  it('a column of a newer version goes along', () => {
    const newer = { ...PARTICIPANTS.toRow(place), mood: 'good' }
    expect(PARTICIPANTS.toRow(PARTICIPANTS.fromRow(newer))).toEqual(newer)
  })

  it('a row without a column that cannot be null is an error', () => {
    const { state: _, ...broken } = PARTICIPANTS.toRow(place)
    expect(() => PARTICIPANTS.fromRow(broken)).toThrow('row of Participant without column state')
  })
})
