import { randomBytes, randomUUID } from 'node:crypto'
import { link, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SignJWT } from 'jose'
import type { Clock } from '../core/clock.ts'
import { makeDirectory } from '../core/make-directory.ts'
import { ConfigError } from '../config.ts'

/** Random bytes of the secret; HS256 requires at least 32: https://www.rfc-editor.org/rfc/rfc7518#section-3.2 */
const SECRET_BYTES = 32
const SECRET_FILE = 'development-secret'

/**
 * The HS256 secret of a gateway without a configured key. The first call creates it in `dataDir`; later calls read it.
 * Gateways that start at the same time use the same secret.
 *
 * @throws ConfigError when the file cannot be written or read, or the secret is too short
 */
export async function developmentSecret(dataDir: string): Promise<string> {
  const secret = await storedText(dataDir, SECRET_FILE, () => randomBytes(SECRET_BYTES).toString('base64url'))
  if (Buffer.byteLength(secret) >= SECRET_BYTES) return secret
  const file = join(dataDir, SECRET_FILE)
  throw new ConfigError([`DATA_DIR: the secret in ${file} is too short; delete the file to create a new one`])
}

/**
 * A text that the first call creates in a file of `dataDir`, which only its owner may read; later calls read it.
 *
 * @throws ConfigError when the file cannot be written or read
 */
export async function storedText(dataDir: string, name: string, newText: () => string): Promise<string> {
  const file = join(dataDir, name)
  try {
    return (await readIfThere(file)) ?? (await create(dataDir, file, newText()))
  } catch (error) {
    throw new ConfigError([`DATA_DIR: ${error instanceof Error ? error.message : String(error)}`])
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
}

/** Links a complete file to the name: of concurrent calls one succeeds, and no call reads a partially written text. */
async function create(dataDir: string, file: string, text: string): Promise<string> {
  await makeDirectory(dataDir)
  const draft = `${file}.${randomUUID()}`
  try {
    await writeFile(draft, text, { mode: 0o600, flag: 'wx' })
    await link(draft, file).catch((error: unknown) => {
      if (!hasCode(error, 'EEXIST')) throw error
    })
  } finally {
    await rm(draft, { force: true })
  }
  return (await readFile(file, 'utf8')).trim()
}

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code

/** Lifetime in seconds of the tokens that the gateway signs in development mode. */
export const DEVELOPMENT_TTL = 86_400

/** Signs a token with HS256. */
export function mintToken(options: {
  secret: string
  userId: string
  /** In seconds. */
  ttl: number
  scopes?: readonly string[]
  issuer?: string | undefined
  audience?: string | undefined
  /** @default 'sub' */
  userClaim?: string
  now: Date
}): Promise<string> {
  const { secret, userId, ttl, scopes = [], issuer, audience, userClaim = 'sub', now } = options
  const issuedAt = Math.floor(now.getTime() / 1000)
  const claims = {
    [userClaim]: userId,
    iat: issuedAt,
    exp: issuedAt + ttl,
    ...(scopes.length > 0 && { scope: scopes.join(' ') }),
    ...(issuer !== undefined && { iss: issuer }),
    ...(audience !== undefined && { aud: audience }),
  }
  return new SignJWT(claims).setProtectedHeader({ alg: 'HS256', typ: 'JWT' }).sign(new TextEncoder().encode(secret))
}

/** Returns a function that signs development tokens for any user, valid for `DEVELOPMENT_TTL`. */
export const signer =
  (claims: Pick<Parameters<typeof mintToken>[0], 'issuer' | 'audience' | 'userClaim'>, secret: string, clock: Clock) =>
  (userId: string, scopes: readonly string[] = []): Promise<string> =>
    mintToken({ ...claims, secret, userId, scopes, ttl: DEVELOPMENT_TTL, now: clock.now() })
