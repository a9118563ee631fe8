import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Counts } from '../../src/core/counts.ts'
import { SEED } from '../seed.ts'

const NAMES = ['a', 'b', 'c']

test('a name counts until it is removed as often as it was added', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.constantFrom(...NAMES))), (steps) => {
      const counts = new Counts()
      const expected = new Map<string, number>()
      for (const [added, name] of steps) {
        const before = expected.get(name) ?? 0
        if (!added && before === 0) continue
        if (added) counts.add(name)
        else counts.remove(name)
        expected.set(name, before + (added ? 1 : -1))
        const present = NAMES.filter((each) => (expected.get(each) ?? 0) > 0)
        expect(NAMES.filter((each) => counts.has(each))).toEqual(present)
        expect(counts.size).toBe(present.length)
      }
    }),
    { seed: SEED },
  )
})
