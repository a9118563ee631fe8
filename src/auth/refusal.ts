import { errors } from 'jose'
import { RtcError } from '../core/errors.ts'

/** The token was valid once: a socket closes with 4403 for it, which clients answer with a fresh token. */
export class TokenExpired extends RtcError {
  constructor() {
    super('UNAUTHENTICATED', 'The token has expired')
  }
}

const SENTENCES: Record<string, string> = {
  [errors.JWSInvalid.code]: 'The token is not a signed JSON Web Token',
  [errors.JWTInvalid.code]: 'The token is not a signed JSON Web Token',
  [errors.JOSEAlgNotAllowed.code]: 'The token is signed with an algorithm that is not accepted here',
  [errors.JOSENotSupported.code]: 'The token uses an extension or algorithm that is not supported',
  [errors.JWSSignatureVerificationFailed.code]: 'The signature of the token does not verify',
  [errors.JWKSNoMatchingKey.code]: 'The token is signed with an unknown key',
  // https://openid.net/specs/openid-connect-core-1_0.html#RotateSigningKeys
  [errors.JWKSMultipleMatchingKeys.code]: 'The token must name its key: the header "kid" is missing',
}

/**
 * What the client is told about a token that jose refuses. Neither jose's error, which holds the claims, nor an expected
 * value goes along. Anything but a refusal (an unreachable key set, our own fault) comes back as it is.
 */
export function refusalOf(error: unknown): unknown {
  if (error instanceof errors.JWTExpired) return new TokenExpired()
  if (error instanceof errors.JWTClaimValidationFailed) return new RtcError('UNAUTHENTICATED', claimSentence(error))
  if (!(error instanceof errors.JOSEError)) return error
  return new RtcError('UNAUTHENTICATED', SENTENCES[error.code] ?? 'The token does not verify')
}

function claimSentence({ claim, reason }: errors.JWTClaimValidationFailed): string {
  if (claim === 'nbf' && reason === 'check_failed') return 'The token is not valid yet'
  if (reason === 'missing') return `The token lacks the claim "${claim}"`
  return `The claim "${claim}" of the token is not the expected one`
}
