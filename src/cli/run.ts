import { ConfigError } from '../config.ts'
import { RtcError } from '../core/errors.ts'
import { Lifecycle } from '../core/lifecycle.ts'
import { DatabaseUrlError } from '../db/await-database.ts'
import { EmbeddedServerError, EmbeddedSetupError } from '../db/embedded/failure.ts'
import { MigrationError } from '../db/migrations.ts'
import { ListenError } from '../http/listen.ts'
import type { Outcome } from './command.ts'

export interface Run {
  /** Stopped when the work has ended, also if it has failed. */
  readonly lifecycle: Lifecycle
  /** Aborted by SIGINT and SIGTERM, with the signal's name as the reason. */
  readonly stop: AbortSignal
}

/** Runs work that ends by itself, by an error, or by SIGINT and SIGTERM; then stops the parts that it has started. */
export async function untilStopped(work: (run: Run) => Promise<Outcome | void>): Promise<Outcome> {
  const lifecycle = new Lifecycle()
  const stopping = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort(signal))
  let outcome: Outcome = { exitCode: 0 }
  try {
    outcome = (await work({ lifecycle, stop: stopping.signal })) ?? outcome
  } catch (error) {
    // An interrupted start is not a failure.
    if (!stopping.signal.aborted) outcome = { exitCode: 1, stderr: `${explain(error)}\n` }
  }
  try {
    await lifecycle.stop()
  } catch (error) {
    outcome = { exitCode: 1, stderr: `${outcome.stderr ?? ''}${String(error)}\n` }
  }
  return outcome
}

const EXPECTED = [
  ConfigError,
  DatabaseUrlError,
  EmbeddedServerError,
  EmbeddedSetupError,
  ListenError,
  MigrationError,
  RtcError,
]

/** The message of an error that the operator can fix; the stack of any other error. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return EXPECTED.some((kind) => error instanceof kind) ? error.message : (error.stack ?? error.message)
}
