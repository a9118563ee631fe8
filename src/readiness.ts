import type { KeySetState, RemoteKeySet } from './auth/key-set.ts'
import { type FailureCause, Unavailable } from './core/failures.ts'

/** What `/health/ready` says. */
export interface Readiness {
  readonly ready: boolean
  readonly database: 'ok' | FailureCause
  /** Absent where no JWKS_URL is configured. */
  readonly keySet?: KeySetState
}

interface Dependencies {
  /** @throws Unavailable */
  check(): Promise<void>
  readonly keySet: RemoteKeySet | undefined
}

/** What the gateway depends on, part by part. */
export async function readinessOf({ check, keySet }: Dependencies): Promise<Readiness> {
  const database = await check().then(
    () => 'ok' as const,
    (error: unknown) => (error instanceof Unavailable ? error.reason : 'database_unreachable'),
  )
  if (!keySet) return { ready: database === 'ok', database }
  const keys = keySet.state()
  return { ready: database === 'ok' && (keys === 'ok' || keys === 'stale'), database, keySet: keys }
}
