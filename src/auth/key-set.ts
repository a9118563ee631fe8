import { createRemoteJWKSet, errors, type JWTVerifyGetKey } from 'jose'
import { RtcError } from '../core/errors.ts'

/** Seconds that clients wait after the issuer's keys could not be fetched. */
const RETRY_AFTER = 5

/**
 * The issuer's published keys (JWK Set, https://www.rfc-editor.org/rfc/rfc7517#section-5). They are kept for ten minutes;
 * a token with an unknown `kid` has them fetched anew, at most every 30 seconds.
 *
 * @throws RtcError UNAVAILABLE from the returned function when the keys cannot be fetched or used
 */
export function remoteKeySet(url: URL): JWTVerifyGetKey {
  const keySet = createRemoteJWKSet(url)
  return async (header, token) => {
    try {
      return await keySet(header, token)
    } catch (error) {
      if (isTheTokensFault(error)) throw error
      throw new RtcError('UNAVAILABLE', 'The keys that verify tokens cannot be fetched', {
        retryAfter: RETRY_AFTER,
        cause: error,
      })
    }
  }
}

const isTheTokensFault = (error: unknown): boolean =>
  error instanceof errors.JWKSNoMatchingKey ||
  error instanceof errors.JWKSMultipleMatchingKeys ||
  error instanceof errors.JOSENotSupported
