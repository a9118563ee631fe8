import { z } from 'zod'
import { type Contradiction, isPublicUrl, seconds, text, type Values } from '../core/variable.ts'

export interface AuthConfig {
  readonly issuer: string | undefined
  readonly audience: string | undefined
  /** The claim that contains the user's id. */
  readonly userClaim: string
  readonly jwksUrl: string | undefined
  /** Seconds for which fetched keys are used while JWKS_URL cannot be reached. */
  readonly jwksMaxStale: number
  /** Accept tokens without an expiry. */
  readonly allowNoExpiry: boolean
}

export interface AuthSecrets {
  /** The HS256 secret. */
  readonly jwtSecret: string | undefined
  /** An SPKI public key in PEM. */
  readonly jwtPublicKey: string | undefined
}

/** HS256 requires a key at least as long as its hash (RFC 7518, section 3.2). */
const HS256_MIN_BYTES = 32

export const authVariables = {
  // A PEM is refused: if a public key were used as the secret, anyone could sign tokens with it.
  JWT_SECRET: z
    .string()
    .refine((secret) => !secret.includes('-----BEGIN '), 'must not be a PEM: a public key belongs in JWT_PUBLIC_KEY')
    .refine(
      (secret) => Buffer.byteLength(secret) >= HS256_MIN_BYTES,
      `must be at least ${HS256_MIN_BYTES} bytes long, for example from: openssl rand -base64 32`,
    )
    .optional(),
  JWT_PUBLIC_KEY: z
    .string()
    .transform((pem) => pem.replaceAll('\\n', '\n').trim())
    .refine((pem) => pem.startsWith('-----BEGIN PUBLIC KEY-----'), 'must be an SPKI public key in PEM')
    .optional(),
  JWKS_URL: z
    .string()
    .refine(
      (value) => isPublicUrl(value, /^https?:$/),
      'must be a URL of the form https://issuer/.well-known/jwks.json, without credentials',
    )
    .optional(),
  JWKS_MAX_STALE: seconds(86_400),
  JWT_ISSUER: text.optional(),
  JWT_AUDIENCE: text.optional(),
  JWT_USER_CLAIM: text.default('sub'),
  JWT_WITHOUT_EXP: z.enum(['refuse', 'allow']).default('refuse'),
}

type AuthValues = Values<typeof authVariables>

/** The key variables that are set. */
export const keysOf = (env: AuthValues) =>
  (['JWT_SECRET', 'JWT_PUBLIC_KEY', 'JWKS_URL'] as const).filter((name) => env[name] !== undefined)

export function* authContradictions(
  env: AuthValues & { readonly NODE_ENV?: string | undefined },
): Iterable<Contradiction> {
  const keys = keysOf(env)
  if (keys.length > 1) yield { variable: keys.join(', '), message: 'only one of these may be set' }
  if (keys.length === 0 && env.NODE_ENV === 'production') {
    yield {
      variable: 'JWT_SECRET',
      message: 'a key is required in production: set JWT_SECRET, JWT_PUBLIC_KEY or JWKS_URL',
    }
  }
}

export const authConfig = (env: AuthValues): AuthConfig => ({
  issuer: env.JWT_ISSUER,
  audience: env.JWT_AUDIENCE,
  userClaim: env.JWT_USER_CLAIM,
  jwksUrl: env.JWKS_URL,
  jwksMaxStale: env.JWKS_MAX_STALE,
  allowNoExpiry: env.JWT_WITHOUT_EXP === 'allow',
})
