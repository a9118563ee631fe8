/** A user whose data is being erased. */
export interface ErasedUser {
  readonly userId: string
  /** Stands for the user in what others keep. */
  readonly pseudonym: string
}

/** Stored values as JSON. */
export type Item = Readonly<Record<string, unknown>>

/** A page of what is stored of a user. */
export interface HoldingPage {
  readonly items: readonly Item[]
  /** The cursor of the next page; null if this is the last one. */
  readonly next: string | null
}

/**
 * Personal data that a feature stores. Every feature that stores any registers it in `app.ts`, and so takes part in the
 * export and the erasure; a test compares `columns` with the database.
 */
export interface Holding {
  /** Its name in the export. */
  readonly name: string
  /** Every column that contains ids or other data of users, by table. */
  readonly columns: Readonly<Record<string, readonly string[]>>
  /** Reads at most `limit` items of a user, after a cursor. */
  read(userId: string, page: { readonly after: string | null; readonly limit: number }): Promise<HoldingPage>
  /**
   * Erases one batch of a user's data: deletes what was theirs, and replaces their id by the pseudonym in what others keep.
   * May be repeated at any point, by several nodes at the same time. Absent if another holding erases it, too.
   *
   * @returns whether there may be more to erase
   */
  erase?(user: ErasedUser): Promise<boolean>
}

/** The page of a query that was asked for one item more than `limit`. */
export function holdingPage(items: readonly Item[], limit: number, cursorOf: (item: Item) => string): HoldingPage {
  const page = items.slice(0, limit)
  const last = page.at(-1)
  return { items: page, next: items.length > limit && last ? cursorOf(last) : null }
}

/** The offset that a cursor names; 0 without one. Cursors come from clients, and may be anything. */
export const offsetOf = (cursor: string | null): number => (cursor && /^\d{1,9}$/.test(cursor) ? Number(cursor) : 0)
