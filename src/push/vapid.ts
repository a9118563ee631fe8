import { createECDH, createPrivateKey, type KeyObject } from 'node:crypto'
import { SignJWT } from 'jose'
import type { Clock } from '../core/clock.ts'

/** The identity of this gateway towards push services: https://www.rfc-editor.org/rfc/rfc8292 */
export interface VapidKeys {
  /** The uncompressed point of P-256, in base64url. Clients pass it to `pushManager.subscribe` as `applicationServerKey`. */
  readonly publicKey: string
  /** The scalar, in base64url. */
  readonly privateKey: string
  /** `mailto:` or `https:`, where the operator of a push service reaches the operator of this gateway. */
  readonly subject: string
}

const CURVE = 'prime256v1'
/** Bytes of an uncompressed point: 0x04, x and y. */
const POINT_BYTES = 65
const SCALAR_BYTES = 32
/** Seconds for which a signature is valid. Push services refuse more than a day. */
const LIFETIME = 12 * 3600
/** Origins of push services whose signature is kept. */
const ORIGINS_MAX = 100

/** The bytes of a base64url text, with or without padding; null if it is not one. */
export function bytesOf(text: string): Buffer | null {
  return /^[\w-]+={0,2}$/.test(text) ? Buffer.from(text, 'base64url') : null
}

/** Whether a text is the base64url of an uncompressed point on the curve P-256. */
export function isPublicKey(text: string): boolean {
  const point = bytesOf(text)
  if (point?.length !== POINT_BYTES || point[0] !== 4) return false
  try {
    createTestKeys().computeSecret(point)
    return true
  } catch {
    return false
  }
}

/** Whether a text is the base64url of a private key of the curve P-256. */
export const isPrivateKey = (text: string): boolean => publicKeyOf(text) !== null

/** Whether a text is a `mailto:` or `https:` URL. */
export const isSubject = (text: string): boolean => /^(mailto:[^\s@]+@[^\s@]+|https:\/\/\S+)$/.test(text)

/** The public key that belongs to a private key; null if it is not a private key. */
export function publicKeyOf(privateKey: string): string | null {
  const scalar = bytesOf(privateKey)
  if (scalar?.length !== SCALAR_BYTES) return null
  const ecdh = createECDH(CURVE)
  try {
    ecdh.setPrivateKey(scalar)
    return ecdh.getPublicKey('base64url')
  } catch {
    return null
  }
}

export function newVapidKeys(subject: string): VapidKeys {
  const ecdh = createECDH(CURVE)
  const publicKey = ecdh.generateKeys('base64url')
  // OpenSSL omits leading zeros.
  const scalar = Buffer.concat([Buffer.alloc(SCALAR_BYTES), ecdh.getPrivateKey()]).subarray(-SCALAR_BYTES)
  return { publicKey, privateKey: scalar.toString('base64url'), subject }
}

/** Signs requests to push services; a signature is used for all requests to one origin for half of its lifetime. */
export class VapidSigner {
  readonly #keys: VapidKeys
  readonly #clock: Clock
  readonly #key: KeyObject
  readonly #signatures = new Map<string, { readonly header: Promise<string>; readonly until: number }>()

  constructor(keys: VapidKeys, clock: Clock) {
    this.#keys = keys
    this.#clock = clock
    this.#key = keyObjectOf(keys)
  }

  /** The value of the header `Authorization` of a request to a push service. */
  authorization(endpoint: string): Promise<string> {
    const { origin } = new URL(endpoint)
    const now = this.#clock.now().getTime()
    const known = this.#signatures.get(origin)
    if (known && known.until > now) return known.header
    const header = this.#sign(origin, Math.floor(now / 1000))
    this.#signatures.delete(origin)
    this.#signatures.set(origin, { header, until: now + (LIFETIME / 2) * 1000 })
    const [oldest] = this.#signatures.keys()
    if (this.#signatures.size > ORIGINS_MAX && oldest !== undefined) this.#signatures.delete(oldest)
    return header
  }

  async #sign(origin: string, now: number): Promise<string> {
    const token = await new SignJWT({ aud: origin, exp: now + LIFETIME, sub: this.#keys.subject })
      .setProtectedHeader({ alg: 'ES256', typ: 'JWT' })
      .sign(this.#key)
    return `vapid t=${token}, k=${this.#keys.publicKey}`
  }
}

function keyObjectOf({ publicKey, privateKey }: VapidKeys): KeyObject {
  const point = Buffer.from(publicKey, 'base64url')
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((part) => part.toString('base64url'))
  const key = { kty: 'EC', crv: 'P-256', x: x ?? '', y: y ?? '', d: privateKey }
  return createPrivateKey({ format: 'jwk', key })
}

let testKeys: ReturnType<typeof createECDH> | undefined

/** Any key pair, for checks of points. */
function createTestKeys(): ReturnType<typeof createECDH> {
  if (testKeys) return testKeys
  testKeys = createECDH(CURVE)
  testKeys.generateKeys()
  return testKeys
}
