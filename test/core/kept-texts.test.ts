import { expect, test } from 'vitest'
import { KeptTexts } from '../../src/core/kept-texts.ts'

test('keeps two million characters, and none more until others are dropped', () => {
  const texts = new KeptTexts()
  const list = {}
  const [first, second] = [texts.of(list, 0), texts.of(list, 1)]
  const [alice, bob] = [{}, {}]
  texts.begin(first, alice)
  texts.begin(second, bob)
  texts.keep(first, 2, 'x'.repeat(2 * 1024 * 1024))
  texts.keep(second, 0, 'y')
  expect(texts.of(list, 0).parts[2]).toHaveLength(2 * 1024 * 1024)
  expect(texts.of(list, 1).parts).toEqual([])
  texts.begin(first, { changed: true })
  texts.keep(second, 0, 'y')
  expect([first.parts, second.parts]).toEqual([[], ['y']])
})
