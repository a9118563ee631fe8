/** A user's id within a sentence. */
export interface PersonName {
  readonly name: string
}

/** A text with marked user names, which are rendered isolated from the text direction around them. */
export type Sentence = readonly (string | PersonName)[]

/** Template tag that builds a sentence; values are words, or sentences such as {@link nameOf} returns. */
export const say = (words: TemplateStringsArray, ...values: readonly (string | number | Sentence)[]): Sentence =>
  words.flatMap((word, index): Sentence => {
    const value = values[index]
    if (value === undefined) return [word]
    return typeof value === 'object' ? [word, ...value] : [word, String(value)]
  })

export const nameOf = (userId: string): Sentence => [{ name: userId }]

/** A list of names: `alice`, `alice and bob`, `alice, bob and carol`. */
const LIST = new Intl.ListFormat('en-GB', { type: 'conjunction' })
export const namesOf = (userIds: readonly string[]): Sentence =>
  userIds.length === 0
    ? ['nobody']
    : LIST.formatToParts(userIds).map(({ type, value }) => (type === 'element' ? { name: value } : value))

/** The sentence as plain text, for ARIA attributes and comparison. */
export const plain = (sentence: Sentence): string =>
  sentence.map((part) => (typeof part === 'string' ? part : part.name)).join('')

/** Directional formatting characters: https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters */
const DIRECTIONAL = /([\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069])/
const REPLACEMENT = '\uFFFD'
const FIRST_STRONG_ISOLATE = '\u2068'
const POP_ISOLATE = '\u2069'

/** Splits a name at directional formatting characters; the odd elements are those characters. */
export const piecesOf = (name: string): string[] => name.split(DIRECTIONAL)

/** A name for plain-text places, such as the window's title: isolated, without directional characters. */
export const isolated = (name: string): string =>
  FIRST_STRONG_ISOLATE +
  piecesOf(name)
    .map((piece, index) => (index % 2 === 1 ? REPLACEMENT : piece))
    .join('') +
  POP_ISOLATE
