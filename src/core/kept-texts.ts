/** What was written of an immutable object that the next message may show again. */
export interface KeptText {
  object: unknown
  /** By the index of the part. */
  readonly parts: string[]
}

/**
 * The texts of objects in the lists of a sequence of messages, by position: most objects of a list are the same ones in the
 * next message. Takes about as much memory as the objects.
 */
export class KeptTexts {
  readonly #lists = new Map<object, KeptText[]>()

  /** @param list - identifies a list in the messages */
  of(list: object, index: number): KeptText {
    let texts = this.#lists.get(list)
    if (!texts) this.#lists.set(list, (texts = []))
    return (texts[index] ??= { object: undefined, parts: [] })
  }
}
