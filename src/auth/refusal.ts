import { errors } from 'jose'
import { RtcError } from '../core/errors.ts'
import type { TokenRefusal } from '../core/observer.ts'

/** A token is missing or was refused, with the reason that operators see. */
export class TokenRefused extends RtcError {
  readonly reason: TokenRefusal

  constructor(reason: TokenRefusal, message: string) {
    super('UNAUTHENTICATED', message)
    this.reason = reason
  }
}

/** The token has expired. A socket closes with 4403, and its client reconnects with a new token. */
export class TokenExpired extends TokenRefused {
  constructor() {
    super('expired', 'The token has expired')
  }
}

const REFUSALS: Record<string, readonly [reason: TokenRefusal, message: string]> = {
  [errors.JWSInvalid.code]: ['malformed', 'The token is not a signed JSON Web Token'],
  [errors.JWTInvalid.code]: ['malformed', 'The token is not a signed JSON Web Token'],
  [errors.JOSEAlgNotAllowed.code]: ['algorithm', 'The token is signed with an algorithm that is not allowed'],
  [errors.JOSENotSupported.code]: ['algorithm', 'The token uses an extension or algorithm that is not supported'],
  [errors.JWSSignatureVerificationFailed.code]: ['signature', 'The signature of the token is invalid'],
  [errors.JWKSNoMatchingKey.code]: ['unknown_key', 'The token is signed with an unknown key'],
  // https://openid.net/specs/openid-connect-core-1_0.html#RotateSigningKeys
  [errors.JWKSMultipleMatchingKeys.code]: [
    'ambiguous_key',
    'The token lacks the header "kid", which is required to find its key',
  ],
}

/**
 * Translates jose's errors. The result contains neither jose's error, which includes the claims, nor an expected value.
 * Returns other errors (an unreachable key set, an internal error) unchanged.
 */
export function refusalOf(error: unknown): unknown {
  if (error instanceof errors.JWTExpired) return new TokenExpired()
  if (error instanceof errors.JWTClaimValidationFailed) return claimRefusal(error)
  if (!(error instanceof errors.JOSEError)) return error
  const [reason, message] = REFUSALS[error.code] ?? ['other', 'The token is invalid']
  return new TokenRefused(reason, message)
}

function claimRefusal({ claim, reason }: errors.JWTClaimValidationFailed): TokenRefused {
  if (claim === 'nbf' && reason === 'check_failed') {
    return new TokenRefused('not_yet_valid', 'The token is not valid yet')
  }
  if (reason === 'missing') return new TokenRefused('claim_missing', `The token lacks the claim "${claim}"`)
  return new TokenRefused('claim_mismatch', `The claim "${claim}" of the token does not have the expected value`)
}
