import type pg from 'pg'

export interface SessionSettings {
  /** The only schema in the search path; undefined keeps the search path. */
  readonly schema?: string | undefined
  /** In milliseconds; undefined keeps the server's setting. */
  readonly statementTimeout?: number
}

/**
 * Applies the settings that every connection relies on. Uses a statement because poolers such as PgBouncer refuse or drop
 * start-up parameters. Then verifies them by a second statement, which a transaction pooler may send to another server
 * process.
 *
 * @throws Error when the settings were lost
 */
export async function prepareSession(client: pg.ClientBase, options: SessionSettings): Promise<void> {
  const settings: Record<string, string> = {
    // The driver adapter parses times as ISO and ignores their zone.
    TimeZone: 'UTC',
    DateStyle: 'ISO, MDY',
    ...(options.statementTimeout !== undefined && { statement_timeout: `${options.statementTimeout}ms` }),
    ...(options.schema !== undefined && { search_path: `"${options.schema.replaceAll('"', '""')}"` }),
  }
  const names = Object.keys(settings)
  const set = 'SELECT set_config(name, value, false) AS value FROM unnest($1::text[], $2::text[]) AS _ (name, value)'
  const { rows: expected } = await client.query<{ value: string }>(set, [names, Object.values(settings)])
  const show = 'SELECT current_setting(name) AS value FROM unnest($1::text[]) AS _ (name)'
  const { rows: actual } = await client.query<{ value: string }>(show, [names])
  const lost = names.filter((_, index) => expected[index]?.value !== actual[index]?.value)
  if (lost.length > 0) throw new Error(`the database does not preserve ${lost.join(', ')} between statements`)
}
