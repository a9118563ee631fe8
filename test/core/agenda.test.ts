import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Agenda, type Appointment } from '../../src/core/agenda.ts'
import { SEED } from '../seed.ts'
import { manualClock } from '../world.ts'

const START = new Date('2026-01-01T00:00:00Z')

function agenda() {
  const clock = manualClock(START)
  const done: number[] = []
  const appointment = (seconds: number): Appointment => ({
    dueAt: START.getTime() + seconds * 1000,
    due: () => void done.push(seconds),
    position: -1,
  })
  return { clock, done, appointment, agenda: new Agenda(clock) }
}

test('appointments are called in the order of their times, except for removed ones', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 100 }), fc.boolean())),
      fc.nat({ max: 100 }),
      (list, until) => {
        const { clock, done, appointment, agenda: subject } = agenda()
        const added = list.map(([seconds, removed]) => ({ seconds, removed, item: appointment(seconds) }))
        for (const { item } of added) subject.add(item)
        for (const { item, removed } of added) if (removed) subject.remove(item)
        for (let second = 0; second < until; second += 1) clock.advance(1)
        const expected = added
          .filter(({ removed, seconds }) => !removed && seconds <= until)
          .map(({ seconds }) => seconds)
        expect(done).toEqual(expected.toSorted((a, b) => a - b))
        expect(subject.size).toBe(added.filter(({ removed }) => !removed).length - expected.length)
      },
    ),
    { seed: SEED },
  )
})

test('an appointment in the past is called at once, and the timer of the next one remains', () => {
  const { clock, done, appointment, agenda: subject } = agenda()
  subject.add(appointment(10))
  subject.add(appointment(-1))
  expect(done).toEqual([-1])
  clock.advance(60)
  expect(done).toEqual([-1, 10])
})

test('several appointments that have become due are all called', () => {
  const { clock, done, appointment, agenda: subject } = agenda()
  for (const seconds of [3, 1, 2]) subject.add(appointment(seconds))
  clock.advance(60)
  expect(done).toEqual([1, 2, 3])
  const removed = appointment(61)
  subject.add(removed)
  subject.remove(removed)
  subject.remove(removed)
  clock.advance(60)
  expect(done).toEqual([1, 2, 3])
})
