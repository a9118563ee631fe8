import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { SignJWT, type JWTHeaderParameters } from 'jose'
import type { AuthConfig, AuthSecrets } from '../../src/auth/variables.ts'
import { createKeySet } from '../../src/auth/key-set.ts'
import type { Clock } from '../../src/core/clock.ts'
import { Failures } from '../../src/core/failures.ts'
import { noObserver } from '../../src/core/observer.ts'
import { createLogger } from '../../src/core/logger.ts'
import { TIMEOUTS, type Timeouts } from '../../src/core/timeouts.ts'
import { createVerifier, type Verify } from '../../src/auth/verify.ts'

/** The fixed time of all token tests. */
export const NOW = new Date('2026-03-01T12:00:00Z')
export const seconds = (fromNow = 0): number => NOW.getTime() / 1000 + fromNow

export const SECRET = 'a secret of the application that issues tokens'
export const bytes = (secret: string): Uint8Array => new TextEncoder().encode(secret)

export const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
export const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })
export const ed25519 = generateKeyPairSync('ed25519')
export const pem = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }).toString()

export function verifierWith(
  options: {
    secrets?: Partial<AuthSecrets>
    config?: Partial<AuthConfig>
    developmentSecret?: string
    clock?: Clock
    timeouts?: Partial<Timeouts>
  } = {},
): Verify {
  const { secrets = { jwtSecret: SECRET }, config, developmentSecret, clock = { now: () => NOW }, timeouts } = options
  const log = createLogger('silent')
  const auth: AuthConfig = {
    issuer: undefined,
    audience: undefined,
    userClaim: 'sub',
    jwksUrl: undefined,
    jwksMaxStale: 3600,
    allowNoExpiry: true,
    ...config,
  }
  return createVerifier({
    config: auth,
    keySet: createKeySet(auth, {
      failures: new Failures(log),
      timeouts: { ...TIMEOUTS, ...timeouts },
      log,
      observer: noObserver,
    }),
    secrets: { jwtSecret: undefined, jwtPublicKey: undefined, ...secrets },
    developmentSecret,
    clock,
  })
}

/** Signs a token with any claims; by default for alice, with HS256 and SECRET. */
export function sign(
  claims: Record<string, unknown> = {},
  { key = bytes(SECRET), ...header }: Partial<JWTHeaderParameters> & { key?: Uint8Array | KeyObject } = {},
): Promise<string> {
  return new SignJWT({ sub: 'alice', ...claims }).setProtectedHeader({ alg: 'HS256', ...header }).sign(key)
}
