import { readdir, readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { unpackRelease } from './release.ts'

/** Statements after which the previous release cannot use what it uses. */
const CONTRACTS = [
  /\bDROP (TABLE|COLUMN|TYPE|VIEW|SCHEMA|DEFAULT)\b/i,
  /\bRENAME\b/i,
  /\bSET NOT NULL\b/i,
  /\bALTER COLUMN "?\w+"? (SET DATA )?TYPE\b/i,
  /\bADD COLUMN (?![^,;]*\bDEFAULT\b)[^,;]*\bNOT NULL\b/i,
]

const takesAway = (sql: string): boolean => CONTRACTS.some((pattern) => pattern.test(sql.replaceAll(/--.*$/gm, '')))

/** The timestamp that a migration requires by its name. */
const requirementOf = (name: string): string | undefined => /_requires_(\d{14})$/.exec(name)?.[1]

const { migrations: released } = await unpackRelease()
const newest = released.at(-1)?.slice(0, 14) ?? ''
const entries = await readdir('prisma/migrations', { withFileTypes: true })
const migrations = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)

test('the migrations of the previous release are unchanged in number and name', () => {
  expect(released.filter((name) => !migrations.includes(name))).toEqual([])
})

describe.each(migrations.filter((name) => !released.includes(name)))('%s', (name) => {
  test('only adds, or names the migration that a version needs to run after it', async () => {
    const sql = await readFile(`prisma/migrations/${name}/migration.sql`, 'utf8')
    expect(takesAway(sql)).toBe(requirementOf(name) !== undefined)
  })

  test('leaves the schema usable for the previous release', () => {
    expect((requirementOf(name) ?? '') <= newest).toBe(true)
  })
})

test.each([
  ['ALTER TABLE "Room" DROP COLUMN "name"', true],
  ['ALTER TABLE "Room" RENAME COLUMN "name" TO "title"', true],
  ['ALTER TABLE "Room" ALTER COLUMN "name" SET NOT NULL', true],
  ['ALTER TABLE "Room" ALTER COLUMN "seq" TYPE BIGINT', true],
  ['ALTER TABLE "Room" ADD COLUMN "topic" TEXT NOT NULL', true],
  ['ALTER TABLE "Room" ADD COLUMN "topic" TEXT', false],
  ['ALTER TABLE "Room" ADD COLUMN "pinned" BOOLEAN NOT NULL DEFAULT false', false],
  ['CREATE TABLE "Topic" ("id" UUID NOT NULL)', false],
  ['-- DROP TABLE', false],
])('%s takes something away: %s', (sql, expected) => {
  expect(takesAway(sql)).toBe(expected)
})
