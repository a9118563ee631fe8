import { createHash } from 'node:crypto'

/** A statement that every connection prepares once, when it first runs there. Its text must not depend on values. */
export interface Statement {
  readonly name: string
  readonly text: string
}

/**
 * Names a statement after its text, so that two versions of the gateway behind one pooler do not mean different ones by
 * the same name.
 *
 * @param text - SQL with the parameters $1, $2, …
 */
export function statement(text: string): Statement {
  return { name: `rtc_${createHash('sha256').update(text).digest('base64url').slice(0, 16)}`, text }
}

/**
 * Runs prepared statements on the pool of the Prisma client. Prepared by name, and without the client's own layers, a
 * statement costs a fraction of its time: hot paths use it.
 */
export interface Statements {
  /** @throws Unavailable when the database cannot be used */
  run<Row>(statement: Statement, values: readonly unknown[]): Promise<readonly Row[]>
}
