import { createHash } from 'node:crypto'

/** A prepared statement, which each connection prepares at first use. Its text must not depend on values. */
export interface Statement {
  /** Absent for a statement that is planned for the values of each execution, and not kept by the connection. */
  readonly name?: string
  readonly text: string
}

/**
 * Derives the name of a statement from its text, so that two versions of the gateway behind one pooler never use the same
 * name for different statements.
 *
 * @param text - SQL with the parameters $1, $2, …
 */
export function statement(text: string): Statement {
  return { name: `rtc_${createHash('sha256').update(text).digest('base64url').slice(0, 16)}`, text }
}

/**
 * Runs prepared statements on the pool of the Prisma client. For hot paths: without planning and without the client's
 * layers, a statement takes a fraction of the time.
 */
export interface Statements {
  /** @throws Unavailable when the database cannot be used */
  run<Row>(statement: Statement, values: readonly unknown[]): Promise<readonly Row[]>
}
