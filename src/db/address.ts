/** A database URL, split into the part for `pg` and the schema. */
export interface DatabaseAddress {
  /** The URL for `pg`, without `?schema=`. */
  readonly connectionString: string
  /** The value of `?schema=`; undefined keeps the server's search path. */
  readonly schema: string | undefined
}

/** Parses a database URL. As with Prisma, `?schema=` names the schema of the gateway's tables. */
export function addressOf(url: string): DatabaseAddress {
  if (!url.includes('schema=')) return { connectionString: url, schema: undefined }
  const parsed = new URL(url)
  const schema = parsed.searchParams.get('schema') ?? ''
  parsed.searchParams.delete('schema')
  return { connectionString: parsed.href, schema: schema || undefined }
}
