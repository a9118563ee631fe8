import { jwtVerify, type JWTPayload } from 'jose'
import { type Actor, CLOCK_TOLERANCE } from '../core/actor.ts'
import type { Clock } from '../core/clock.ts'
import { RtcError } from '../core/errors.ts'
import { actorOf } from './claims.ts'
import type { RemoteKeySet } from './key-set.ts'
import { trustedKey } from './keys.ts'
import { refusalOf } from './refusal.ts'
import type { AuthConfig, AuthSecrets } from './variables.ts'
import { VerifiedTokens } from './verified-tokens.ts'

/**
 * Verifies a JSON Web Token and answers who it speaks for.
 *
 * @throws RtcError UNAUTHENTICATED for any token that is not valid, as its subclass TokenExpired when only time is the
 *   reason; UNAVAILABLE when the issuer's keys cannot be fetched
 */
export type Verify = (token: string) => Promise<Actor>

/** Longest token in bytes. A token is ASCII, so that its length is its size. */
export const TOKEN_MAX_BYTES = 8192

/**
 * Makes the verifier for the configured key.
 *
 * @throws ConfigError when no key is there, or the public key cannot be used
 */
export function createVerifier(options: {
  config: AuthConfig
  secrets: AuthSecrets
  /** The issuer's published keys, where the configuration names them. */
  keySet?: RemoteKeySet | undefined
  /** The secret of development mode; ignored where a key is configured. */
  developmentSecret?: string | undefined
  clock: Clock
}): Verify {
  const { config, secrets, keySet, developmentSecret, clock } = options
  const { key, algorithms } = trustedKey({ keySet, secrets, developmentSecret })
  const expected = {
    algorithms: [...algorithms],
    ...(config.issuer !== undefined && { issuer: config.issuer }),
    ...(config.audience !== undefined && { audience: config.audience }),
    clockTolerance: CLOCK_TOLERANCE,
    ...(!config.allowNoExpiry && { requiredClaims: ['exp'] }),
  }
  const verified = new VerifiedTokens()
  /** Undefined while there are no keys to verify with. */
  const keysVersion = () => (keySet ? keySet.version() : 0)

  const verify: Verify = async (token) => {
    if (token.length > TOKEN_MAX_BYTES) {
      throw new RtcError('UNAUTHENTICATED', `The token is longer than ${TOKEN_MAX_BYTES} bytes`)
    }
    // The decoder would pass over white space, padding and stray bits: many texts would be the same token.
    if (!isCompact(token)) throw new RtcError('UNAUTHENTICATED', 'The token is not a signed JSON Web Token')
    const { payload } = await jwtVerify(token, key, { ...expected, currentDate: clock.now() }).catch(
      (error: unknown) => {
        throw refusalOf(error)
      },
    )
    if (!isIssuedBy(clock.now(), payload)) {
      throw new RtcError('UNAUTHENTICATED', 'The token says that it is issued in the future')
    }
    return actorOf(payload, config.userClaim)
  }

  return async (token) => {
    const version = keysVersion()
    const known = version === undefined ? undefined : verified.get(token, { now: clock.now(), version })
    if (known) return known
    const now = clock.now()
    const actor = await verify(token)
    if (version !== undefined && version === keysVersion()) verified.put(token, actor, { now, version })
    return actor
  }
}

/** A clock that is ahead, or an `iat` in milliseconds, would make tokens last longer than the issuer means. */
const isIssuedBy = (now: Date, { iat }: JWTPayload): boolean =>
  iat === undefined || (typeof iat === 'number' && iat <= now.getTime() / 1000 + CLOCK_TOLERANCE)

/** Three parts, each as an encoder of base64url writes it: https://www.rfc-editor.org/rfc/rfc7515#section-7.1 */
function isCompact(token: string): boolean {
  const parts = token.split('.')
  return parts.length === 3 && parts.every((part) => Buffer.from(part, 'base64url').toString('base64url') === part)
}
