import { expect, test } from 'vitest'
import { createIds, firstIdAt, isRoomId } from '../../src/core/ids.ts'
import { manualClock } from '../world.ts'

test('ids increase with the clock, within a millisecond, and when the clock is set back', () => {
  const clock = manualClock(new Date('2026-01-01T00:00:00Z'))
  const newId = createIds(clock)
  const ids = [0, 0, 0, 60, -3600, 0, 7200].map((seconds) => {
    clock.advance(seconds)
    return newId()
  })
  expect(ids.every(isRoomId)).toBe(true)
  expect(ids).toEqual([...new Set(ids)].toSorted())
})

test('the first id of a time separates earlier ids from later ones', () => {
  const clock = manualClock(new Date('2026-01-01T00:00:00Z'))
  const newId = createIds(clock)
  const before = newId()
  clock.advance(1)
  const bound = firstIdAt(clock.now())
  expect([before < bound, bound <= newId()]).toEqual([true, true])
})
