import type pg from 'pg'

export interface SessionSettings {
  /** The only schema that is searched; undefined leaves the search path as it is. */
  readonly schema?: string | undefined
  /** In milliseconds; undefined leaves the server's own. */
  readonly statementTimeout?: number
}

/**
 * Sets what every connection relies on, by statement: a pooler such as PgBouncer refuses or drops start-up parameters.
 * Then verifies it by a second statement, which a pooler that does not keep settings may send elsewhere.
 *
 * @throws Error when the settings do not hold
 */
export async function prepareSession(client: pg.ClientBase, options: SessionSettings): Promise<void> {
  const settings: Record<string, string> = {
    // The driver adapter reads times without their zone, in the form that ISO gives them.
    TimeZone: 'UTC',
    DateStyle: 'ISO, MDY',
    ...(options.statementTimeout !== undefined && { statement_timeout: `${options.statementTimeout}ms` }),
    ...(options.schema !== undefined && { search_path: `"${options.schema.replaceAll('"', '""')}"` }),
  }
  const names = Object.keys(settings)
  const set = 'SELECT set_config(name, value, false) AS value FROM unnest($1::text[], $2::text[]) AS _ (name, value)'
  const { rows: wanted } = await client.query<{ value: string }>(set, [names, Object.values(settings)])
  const show = 'SELECT current_setting(name) AS value FROM unnest($1::text[]) AS _ (name)'
  const { rows: found } = await client.query<{ value: string }>(show, [names])
  const lost = names.filter((_, index) => wanted[index]?.value !== found[index]?.value)
  if (lost.length > 0) throw new Error(`the database does not keep ${lost.join(', ')} from one statement to the next`)
}
