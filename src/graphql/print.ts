import { writeFile } from 'node:fs/promises'
import { printSchema } from 'graphql'
import { schema } from './schema.ts'

/** `npm run schema`: writes the schema to the committed file. */
await writeFile('src/graphql/schema.graphql', `${printSchema(schema)}\n`)
