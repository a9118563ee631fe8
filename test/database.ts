import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { inject } from 'vitest'

export interface TestDatabase {
  /** For `createDatabase`, and for `pg`. */
  readonly url: string
  /** Drops the database, even if there are open connections. */
  drop(): Promise<void>
}

/** `object_in_use`: another test file is cloning the template at this moment. */
const TEMPLATE_IN_USE = '55006'

/** Creates a fresh, migrated database for one test or one file. */
export async function createTestDatabase(): Promise<TestDatabase> {
  return await createEmptyDatabase(inject('database').template)
}

/** Creates a fresh database without tables. */
export async function createEmptyDatabase(template = 'template1'): Promise<TestDatabase> {
  const { adminUrl } = inject('database')
  const name = `test_${randomBytes(8).toString('hex')}`
  await onServer((admin) => clone(admin, template, name))
  const url = new URL(adminUrl)
  url.pathname = name
  return { url: url.href, drop: () => onServer((admin) => admin.query(`DROP DATABASE ${name} WITH (FORCE)`)) }
}

async function clone(admin: pg.Client, template: string, name: string): Promise<void> {
  try {
    await admin.query(`CREATE DATABASE ${name} TEMPLATE ${template}`)
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || error.code !== TEMPLATE_IN_USE) throw error
    await delay(10)
    await clone(admin, template, name)
  }
}

async function onServer(work: (admin: pg.Client) => Promise<unknown>): Promise<void> {
  const admin = new pg.Client({ connectionString: inject('database').adminUrl })
  await admin.connect()
  try {
    await work(admin)
  } finally {
    await admin.end()
  }
}
