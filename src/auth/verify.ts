import { jwtVerify, type JWTPayload } from 'jose'
import { type Actor, CLOCK_TOLERANCE } from '../core/actor.ts'
import type { Clock } from '../core/clock.ts'
import { actorOf } from './claims.ts'
import type { RemoteKeySet } from './key-set.ts'
import { trustedKey } from './keys.ts'
import { refusalOf, TokenRefused } from './refusal.ts'
import type { AuthConfig, AuthSecrets } from './variables.ts'
import { VerifiedTokens } from './verified-tokens.ts'

/**
 * Verifies a JSON Web Token and returns its actor.
 *
 * @throws RtcError UNAUTHENTICATED for an invalid token, as the subclass TokenExpired if it is only expired; UNAVAILABLE
 *   when the issuer's keys cannot be fetched
 */
export type Verify = (token: string) => Promise<Actor>

/** Maximum size of a token in bytes. Tokens are ASCII, so their length is their size. */
export const TOKEN_MAX_BYTES = 8192

/**
 * Creates the verifier for the configured key.
 *
 * @throws ConfigError if there is no key, or the public key cannot be used
 */
export function createVerifier(options: {
  config: AuthConfig
  secrets: AuthSecrets
  /** The issuer's published keys, if JWKS_URL is configured. */
  keySet?: RemoteKeySet | undefined
  /** The secret of development mode; ignored if a key is configured. */
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
  /** Undefined while there are no usable keys. */
  const keysVersion = () => (keySet ? keySet.version() : 0)

  const verify: Verify = async (token) => {
    if (token.length > TOKEN_MAX_BYTES) {
      throw new TokenRefused('malformed', `The token is longer than ${TOKEN_MAX_BYTES} bytes`)
    }
    // The base64url decoder ignores white space, padding and trailing bits, so one token would have many encodings.
    if (!isCompact(token)) throw new TokenRefused('malformed', 'The token is not a signed JSON Web Token')
    const { payload } = await jwtVerify(token, key, { ...expected, currentDate: clock.now() }).catch(
      (error: unknown) => {
        throw refusalOf(error)
      },
    )
    if (!isIssuedBy(clock.now(), payload)) {
      throw new TokenRefused('not_yet_valid', 'The token was issued in the future')
    }
    return actorOf(payload, config.userClaim)
  }

  return async (token) => {
    const version = keysVersion()
    const cached = version === undefined ? undefined : verified.get(token, { now: clock.now(), version })
    if (cached) return cached
    const now = clock.now()
    const actor = await verify(token)
    if (version !== undefined && version === keysVersion()) verified.put(token, actor, { now, version })
    return actor
  }
}

/** An issuer whose clock is ahead, or that counts in milliseconds, would make tokens valid longer than intended. */
const isIssuedBy = (now: Date, { iat }: JWTPayload): boolean =>
  iat === undefined || (typeof iat === 'number' && iat <= now.getTime() / 1000 + CLOCK_TOLERANCE)

/** Three parts in canonical base64url: https://www.rfc-editor.org/rfc/rfc7515#section-7.1 */
function isCompact(token: string): boolean {
  const parts = token.split('.')
  return parts.length === 3 && parts.every((part) => Buffer.from(part, 'base64url').toString('base64url') === part)
}
