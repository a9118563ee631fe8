/** What a database URL says, apart from what only the gateway and Prisma's tools understand. */
export interface DatabaseAddress {
  /** For `pg`. */
  readonly connectionString: string
  /** Of `?schema=`; undefined leaves the search path as the server has it. */
  readonly schema: string | undefined
}

/** Reads a database URL, in which `?schema=` names the schema of the gateway's tables, as with Prisma. */
export function addressOf(url: string): DatabaseAddress {
  if (!url.includes('schema=')) return { connectionString: url, schema: undefined }
  const parsed = new URL(url)
  const schema = parsed.searchParams.get('schema') ?? ''
  parsed.searchParams.delete('schema')
  return { connectionString: parsed.href, schema: schema || undefined }
}
