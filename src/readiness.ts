import type { KeySetState, RemoteKeySet } from './auth/key-set.ts'
import { type FailureCause, Unavailable } from './core/failures.ts'

/** The body of `/health/ready`. */
export interface Readiness {
  readonly ready: boolean
  readonly database: 'ok' | FailureCause
  /** Absent without JWKS_URL. */
  readonly keySet?: KeySetState
}

interface Dependencies {
  /** @throws Unavailable */
  check(): Promise<void>
  readonly keySet: RemoteKeySet | undefined
}

/** Checks each external dependency of the gateway. */
export async function readinessOf({ check, keySet }: Dependencies): Promise<Readiness> {
  const database = await check().then(
    () => 'ok' as const,
    (error: unknown) => (error instanceof Unavailable ? error.reason : 'database_unreachable'),
  )
  if (!keySet) return { ready: database === 'ok', database }
  const keys = keySet.state()
  return { ready: database === 'ok' && (keys === 'ok' || keys === 'stale'), database, keySet: keys }
}
