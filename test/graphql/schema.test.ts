import { readFile } from 'node:fs/promises'
import { buildSchema, lexicographicSortSchema, printSchema } from 'graphql'
import { expect, test } from 'vitest'
import { schema } from '../../src/graphql/schema.ts'

const committed = await readFile(new URL('../../src/graphql/schema.graphql', import.meta.url), 'utf8')

test('schema.graphql is the schema (npm run schema writes it)', () => {
  expect(`${printSchema(schema)}\n`).toBe(committed)
})

test('schema.graphql is sorted, so that diffs show only real changes', () => {
  expect(`${printSchema(lexicographicSortSchema(buildSchema(committed)))}\n`).toBe(committed)
})
