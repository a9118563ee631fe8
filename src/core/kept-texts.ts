/** What was written of an immutable object that the next message may show again. */
export interface KeptText {
  object: unknown
  /** By the index of the part. */
  readonly parts: string[]
}

/** Maximum length of all texts together, in characters: enough for 10 000 participants with eight fields. */
const LENGTH_MAX = 2 * 1024 * 1024

/**
 * The texts of objects in the lists of a sequence of messages, by position: most objects of a list are the same ones in the
 * next message. Texts beyond {@link LENGTH_MAX} are not kept.
 */
export class KeptTexts {
  readonly #lists = new Map<object, KeptText[]>()
  #length = 0

  /** @param list - identifies a list in the messages */
  of(list: object, index: number): KeptText {
    let texts = this.#lists.get(list)
    if (!texts) this.#lists.set(list, (texts = []))
    return (texts[index] ??= { object: undefined, parts: [] })
  }

  /** Drops what is kept of another object at this position. */
  begin(kept: KeptText, object: unknown): void {
    if (kept.object === object) return
    kept.object = object
    // Skips the parts that are not kept.
    kept.parts.forEach((part) => (this.#length -= part.length))
    kept.parts.length = 0
  }

  keep(kept: KeptText, part: number, text: string): void {
    if (this.#length + text.length > LENGTH_MAX) return
    this.#length += text.length
    kept.parts[part] = text
  }
}
