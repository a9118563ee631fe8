import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type pg from 'pg'

/** The database does not have, or cannot get, a schema that this build can use. The message is written for the operator. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError'
}

export interface Migration {
  /** `<timestamp>_<name>`; migrations are applied in this order. */
  readonly name: string
  readonly sql: string
  /** SHA-256 of the file, in hexadecimal. */
  readonly checksum: string
}

/** A row of Prisma's table of migrations. */
interface MigrationRecord {
  migration_name: string
  checksum: string
  finished_at: Date | null
}

/** How the schema of a database differs from the one of this build. */
export interface SchemaDifference {
  /** Migrations of this build that the database lacks, in their order. */
  readonly pending: readonly Migration[]
  /** Names of applied migrations that this build does not know: of a newer version, or of another application. */
  readonly unknown: readonly string[]
}

/** Resolves to the same directory from `src/db` and `dist/db`. */
const MIGRATIONS = fileURLToPath(new URL('../../prisma/migrations', import.meta.url))

export async function readMigrations(): Promise<Migration[]> {
  const entries = await readdir(MIGRATIONS, { withFileTypes: true })
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  return await Promise.all(
    names.toSorted().map(async (name) => {
      const sql = await readFile(join(MIGRATIONS, name, 'migration.sql'), 'utf8')
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') }
    }),
  )
}

/** Whether the table of migrations exists. */
export async function hasRecords(client: pg.ClientBase): Promise<boolean> {
  const { rows } = await client.query(`SELECT WHERE to_regclass('"_prisma_migrations"') IS NOT NULL`)
  return rows.length > 0
}

/**
 * Compares the applied migrations with those of this build.
 *
 * @throws MigrationError if a migration has changed or failed, or if the schema is too new for this build
 */
export async function compareSchema(
  client: pg.ClientBase,
  migrations: readonly Migration[],
): Promise<SchemaDifference> {
  const { rows: records } = await client.query<MigrationRecord>(
    'SELECT migration_name, checksum, finished_at FROM "_prisma_migrations" WHERE rolled_back_at IS NULL',
  )
  const byName = new Map(records.map((record) => [record.migration_name, record]))
  const pending = migrations.filter(({ name }) => !byName.has(name))
  for (const { name, checksum } of migrations) {
    const record = byName.get(name)
    if (!record) continue
    byName.delete(name)
    if (!record.finished_at) {
      throw new MigrationError(
        `Migration ${name} has failed in this database. Repair the database, then mark the migration as applied or ` +
          'rolled back with `prisma migrate resolve`.',
      )
    }
    if (record.checksum !== checksum) {
      throw new MigrationError(`Migration ${name} differs from the one applied to this database: its file has changed.`)
    }
  }
  const unknown = [...byName.keys()].toSorted()
  for (const name of unknown) requireCompatible(name, migrations)
  return { pending, unknown }
}

/**
 * `<timestamp>_<name>_requires_<timestamp>`: a migration that takes something away. Only builds that have the migration
 * with the second timestamp, or a later one, can use the schema afterwards. The requirement is part of the name because
 * a name is all that an older build learns of the migration.
 */
const CONTRACT = /_requires_(\d{14})$/

function requireCompatible(unknown: string, migrations: readonly Migration[]): void {
  const [, required] = CONTRACT.exec(unknown) ?? []
  if (required === undefined || migrations.some(({ name }) => name.slice(0, required.length) >= required)) return
  throw new MigrationError(
    `The database has the schema of a newer version that this version cannot use (migration ${unknown}): start the ` +
      'newer version, or restore a backup from before the upgrade.',
  )
}
