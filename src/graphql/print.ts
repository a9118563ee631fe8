import { writeFile } from 'node:fs/promises'
import { printSchema } from 'graphql'
import { schema } from './schema.ts'

/** `npm run schema`: commits the schema to the file that people review. */
await writeFile('src/graphql/schema.graphql', `${printSchema(schema)}\n`)
