import type { KeySetState, RemoteKeySet } from './auth/key-set.ts'
import { type FailureCause, Unavailable } from './core/failures.ts'

/** What `/health/ready` says. */
export interface Readiness {
  readonly ready: boolean
  readonly database: 'ok' | FailureCause
  /** Absent where no JWKS_URL is configured. */
  readonly keySet?: KeySetState
}

interface Sources {
  /** @throws Unavailable */
  check(): Promise<void>
  readonly keySet: RemoteKeySet | undefined
}

/** For how long an answer of the database is good, in milliseconds. */
const GOOD_FOR = 1000

/** Asks the database at most once a second, whoever asks how often. */
export function createReadiness({ check, keySet }: Sources): () => Promise<Readiness> {
  let asked = Number.NEGATIVE_INFINITY
  let answer: Promise<'ok' | FailureCause> = Promise.resolve('ok')
  let isAsking = false
  const ask = async (): Promise<'ok' | FailureCause> => {
    isAsking = true
    try {
      await check()
      return 'ok'
    } catch (error) {
      return error instanceof Unavailable ? error.reason : 'database_unreachable'
    } finally {
      isAsking = false
      asked = performance.now()
    }
  }
  return async () => {
    if (!isAsking && performance.now() - asked >= GOOD_FOR) answer = ask()
    const database = await answer
    if (!keySet) return { ready: database === 'ok', database }
    const keys = keySet.state()
    return { ready: database === 'ok' && (keys === 'ok' || keys === 'stale'), database, keySet: keys }
  }
}
