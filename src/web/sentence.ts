/** Somebody's id within a text. */
export interface PersonName {
  readonly name: string
}

/** A text in which each name is known as one: it is shown in isolation from the words around it. */
export type Sentence = readonly (string | PersonName)[]

/** Tags a template: strings and numbers are words; a {@link Sentence}, for instance {@link nameOf}, stays what it is. */
export const say = (words: TemplateStringsArray, ...values: readonly (string | number | Sentence)[]): Sentence =>
  words.flatMap((word, index): Sentence => {
    const value = values[index]
    if (value === undefined) return [word]
    return typeof value === 'object' ? [word, ...value] : [word, String(value)]
  })

export const nameOf = (userId: string): Sentence => [{ name: userId }]

/** Enumerates: `alice`, `alice and bob`, `alice, bob and carol`. */
const LIST = new Intl.ListFormat('en-GB', { type: 'conjunction' })
export const namesOf = (userIds: readonly string[]): Sentence =>
  userIds.length === 0
    ? ['nobody']
    : LIST.formatToParts(userIds).map(({ type, value }) => (type === 'element' ? { name: value } : value))

/** As plain text, for attributes that are read aloud. */
export const plain = (sentence: Sentence): string =>
  sentence.map((part) => (typeof part === 'string' ? part : part.name)).join('')

/** Characters that change the direction of what follows: https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters */
const DIRECTIONAL = /([\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069])/
const REPLACEMENT = '\uFFFD'
const FIRST_STRONG_ISOLATE = '\u2068'
const POP_ISOLATE = '\u2069'

/** A name in pieces; every second one is a character that would change the direction of the text. */
export const piecesOf = (name: string): string[] => name.split(DIRECTIONAL)

/** A name where there can be no elements, as in the window's title. */
export const isolated = (name: string): string =>
  FIRST_STRONG_ISOLATE +
  piecesOf(name)
    .map((piece, index) => (index % 2 === 1 ? REPLACEMENT : piece))
    .join('') +
  POP_ISOLATE
