import { createHmac, createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto'

/**
 * Signatures of Standard Webhooks 1.0.0.
 *
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */

const SECRET_PREFIX = 'whsec_'
const PRIVATE_PREFIX = 'whsk_'
const PUBLIC_PREFIX = 'whpk_'
/** Bytes of a generated secret. */
const SECRET_BYTES = 32
/** Bytes that a configured secret may have. */
const SECRET_BYTES_MIN = 24
const SECRET_BYTES_MAX = 64
/** DER of a PKCS #8 key of ed25519, up to the 32 bytes of the key: https://www.rfc-editor.org/rfc/rfc8410#section-7 */
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex')
const ED25519_BYTES = 32

export const newSecret = (): string => SECRET_PREFIX + randomBytes(SECRET_BYTES).toString('base64')

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

function decode(text: string, prefix: string): Buffer | null {
  const encoded = text.startsWith(prefix) ? text.slice(prefix.length) : ''
  return BASE64.test(encoded) ? Buffer.from(encoded, 'base64') : null
}

/** Whether a text is a secret: `whsec_` and the base64 of 24 to 64 bytes. */
export function isSecret(text: string): boolean {
  const { length = 0 } = decode(text, SECRET_PREFIX) ?? {}
  return length >= SECRET_BYTES_MIN && length <= SECRET_BYTES_MAX
}

/** Reads a private key: `whsk_` and the base64 of its 32 bytes, which the public key may follow. Null if it is none. */
export function signingKeyOf(text: string): KeyObject | null {
  const bytes = decode(text, PRIVATE_PREFIX)
  if (!bytes || (bytes.length !== ED25519_BYTES && bytes.length !== 2 * ED25519_BYTES)) return null
  const key = Buffer.concat([PKCS8_HEAD, bytes.subarray(0, ED25519_BYTES)])
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' })
}

/** The public key as receivers configure it: `whpk_` and base64. */
export function publicKeyOf(key: KeyObject): string {
  const der = createPublicKey(key).export({ format: 'der', type: 'spki' })
  return PUBLIC_PREFIX + der.subarray(-ED25519_BYTES).toString('base64')
}

/** What signs the messages of an endpoint. */
export interface SigningKeys {
  /** The current secret, and the previous one during a rotation. */
  readonly secrets: readonly string[]
  readonly ed25519: KeyObject | undefined
}

/** The headers of one attempt, which include its time. */
export function signedHeaders(
  { id, body }: { readonly id: string; readonly body: string },
  { secrets, ed25519 }: SigningKeys,
  now: Date,
): Record<string, string> {
  const timestamp = String(Math.floor(now.getTime() / 1000))
  const content = Buffer.from(`${id}.${timestamp}.${body}`)
  const signatures = secrets.map((secret) => {
    const key = decode(secret, SECRET_PREFIX) ?? Buffer.alloc(0)
    return `v1,${createHmac('sha256', key).update(content).digest('base64')}`
  })
  if (ed25519) signatures.push(`v1a,${sign(null, content, ed25519).toString('base64')}`)
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') }
}
