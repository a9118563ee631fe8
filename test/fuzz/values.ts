import fc from 'fast-check'

/** Draws a value in the middle of a property: see `fc.gen`. */
export type Draw = <T>(arbitrary: fc.Arbitrary<T>) => T

/** Ids, times, cursors and similar strings, and invalid or malicious ones. */
export const text = (roomIds: readonly string[]): fc.Arbitrary<string> =>
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.constantFrom('alice', 'bob', 'carol', ...roomIds, ...roomIds.map((id) => id.toUpperCase())),
    },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        '',
        ' ',
        '0',
        '-1',
        '2026-01-31',
        '2026-01-31T10:30:00Z',
        '0000-00-00',
        '018f0000-0000-7000-8000-000000000000',
        '\u0000',
        '\ud800',
        '\u202e',
        '__proto__',
        'x'.repeat(200),
      ),
    },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
  )

export const number: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(0, 1, -1, 2, 100, 2_147_483_647, -2_147_483_648, 1e10, 1.5, 1e308),
  fc.integer(),
)

/** JSON of any shape. */
export const json: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(null, true, [], {}, [[[]]], { a: { b: [1, 'x'] } }),
)

/** The text with a random piece inserted, or put in place of up to two characters. */
export const corrupt = (draw: Draw, good: string): string => {
  const position = draw(fc.nat(good.length))
  const piece = draw(
    fc.constantFrom('', '{', '}', '"', '[', '1e400', '12345678901234567890', '\\', '\u0000', ',', 'null'),
  )
  return good.slice(0, position) + piece + good.slice(position + draw(fc.nat(3)))
}
