import { errors } from 'jose'
import { RtcError } from '../core/errors.ts'

/** The token has expired. A socket closes with 4403, and its client reconnects with a new token. */
export class TokenExpired extends RtcError {
  constructor() {
    super('UNAUTHENTICATED', 'The token has expired')
  }
}

const SENTENCES: Record<string, string> = {
  [errors.JWSInvalid.code]: 'The token is not a signed JSON Web Token',
  [errors.JWTInvalid.code]: 'The token is not a signed JSON Web Token',
  [errors.JOSEAlgNotAllowed.code]: 'The token is signed with an algorithm that is not allowed',
  [errors.JOSENotSupported.code]: 'The token uses an extension or algorithm that is not supported',
  [errors.JWSSignatureVerificationFailed.code]: 'The signature of the token is invalid',
  [errors.JWKSNoMatchingKey.code]: 'The token is signed with an unknown key',
  // https://openid.net/specs/openid-connect-core-1_0.html#RotateSigningKeys
  [errors.JWKSMultipleMatchingKeys.code]: 'The token lacks the header "kid", which is required to find its key',
}

/**
 * Translates jose's errors. The result contains neither jose's error, which includes the claims, nor an expected value.
 * Returns other errors (an unreachable key set, an internal error) unchanged.
 */
export function refusalOf(error: unknown): unknown {
  if (error instanceof errors.JWTExpired) return new TokenExpired()
  if (error instanceof errors.JWTClaimValidationFailed) return new RtcError('UNAUTHENTICATED', claimSentence(error))
  if (!(error instanceof errors.JOSEError)) return error
  return new RtcError('UNAUTHENTICATED', SENTENCES[error.code] ?? 'The token is invalid')
}

function claimSentence({ claim, reason }: errors.JWTClaimValidationFailed): string {
  if (claim === 'nbf' && reason === 'check_failed') return 'The token is not valid yet'
  if (reason === 'missing') return `The token lacks the claim "${claim}"`
  return `The claim "${claim}" of the token does not have the expected value`
}
