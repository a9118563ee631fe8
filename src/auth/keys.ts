import { createPublicKey, type KeyObject } from 'node:crypto'
import type { CryptoKey, JWTVerifyGetKey } from 'jose'
import { ConfigError } from '../config.ts'
import type { RemoteKeySet } from './key-set.ts'
import type { AuthSecrets } from './variables.ts'

/** The key that verifies tokens, with the only algorithms allowed for it. */
export interface TrustedKey {
  readonly key: KeyObject | JWTVerifyGetKey
  readonly algorithms: readonly string[]
}

// Signature algorithms by key: https://www.rfc-editor.org/rfc/rfc7518#section-3.1; for Ed25519 both the original name
// (https://www.rfc-editor.org/rfc/rfc8037#section-3.1) and the current one (https://www.rfc-editor.org/rfc/rfc9864).
const RSA = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
const ED25519 = ['EdDSA', 'Ed25519']
const CURVES: Record<string, string> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' }

/** Minimum RSA modulus in bits: https://www.rfc-editor.org/rfc/rfc7518#section-3.3 */
const RSA_MIN_BITS = 2048

/**
 * Selects the configured key and fixes its algorithms, so that a token cannot choose its own
 * (https://www.rfc-editor.org/rfc/rfc8725#section-3.1). Uses the development secret only if no key is configured.
 *
 * @throws ConfigError if there is no key, or the public key cannot verify tokens
 */
export function trustedKey(options: {
  keySet: RemoteKeySet | undefined
  secrets: AuthSecrets
  developmentSecret: string | undefined
}): TrustedKey {
  const { keySet, secrets } = options
  if (secrets.jwtPublicKey !== undefined) return publicKey(secrets.jwtPublicKey)
  if (keySet !== undefined) {
    return { key: keySet.find, algorithms: [...RSA, ...Object.values(CURVES), ...ED25519] }
  }
  const secret = secrets.jwtSecret ?? options.developmentSecret
  if (secret === undefined) throw new ConfigError(['JWT_SECRET: set JWT_SECRET, JWT_PUBLIC_KEY or JWKS_URL'])
  return sharedSecret(secret)
}

function sharedSecret(secret: string): TrustedKey {
  const hmac = { name: 'HMAC', hash: 'SHA-256' }
  const bytes = new TextEncoder().encode(secret)
  // Imported once; from raw bytes, jose would import the key again for every token.
  let key: ReturnType<JWTVerifyGetKey<CryptoKey>> | undefined
  return { key: () => (key ??= crypto.subtle.importKey('raw', bytes, hmac, false, ['verify'])), algorithms: ['HS256'] }
}

function publicKey(pem: string): TrustedKey {
  let key: KeyObject
  try {
    key = createPublicKey(pem)
  } catch {
    throw new ConfigError(['JWT_PUBLIC_KEY: cannot be read as an SPKI public key in PEM'])
  }
  const algorithms = algorithmsOf(key)
  if (algorithms.length === 0) {
    throw new ConfigError([
      `JWT_PUBLIC_KEY: must be RSA (${RSA_MIN_BITS} bits or more), P-256, P-384, P-521 or Ed25519`,
    ])
  }
  return { key, algorithms }
}

function algorithmsOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): readonly string[] {
  if (asymmetricKeyType === 'rsa') return (asymmetricKeyDetails?.modulusLength ?? 0) < RSA_MIN_BITS ? [] : RSA
  if (asymmetricKeyType === 'ed25519') return ED25519
  const curve = CURVES[asymmetricKeyDetails?.namedCurve ?? '']
  return curve === undefined ? [] : [curve]
}
