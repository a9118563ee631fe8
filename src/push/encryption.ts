import { createCipheriv, createECDH, type ECDH, hkdfSync, randomBytes } from 'node:crypto'

/** The keys of a browser, in base64url, as `PushSubscription.toJSON().keys` has them. */
export interface BrowserKeys {
  /** The public key: an uncompressed point of P-256. */
  readonly p256dh: string
  /** The authentication secret: 16 bytes. */
  readonly auth: string
}

/** Bytes of a message that fits into one record and that every push service accepts. */
export const MESSAGE_MAX = 3_000

const RECORD_SIZE = 4_096
const SALT_BYTES = 16
const KEY_BYTES = 16
const NONCE_BYTES = 12
/** Marks the end of the last record: https://www.rfc-editor.org/rfc/rfc8188#section-2 */
const LAST_RECORD = Buffer.of(2)

/**
 * Encrypts a message for a browser as one record of the content coding `aes128gcm`:
 * https://www.rfc-editor.org/rfc/rfc8291 and https://www.rfc-editor.org/rfc/rfc8188
 *
 * @param options - fixed values, for the example of the specification @default random values, as they must be
 */
export function encrypt(
  message: string,
  keys: BrowserKeys,
  { salt = randomBytes(SALT_BYTES), sender = newSender() }: { readonly salt?: Buffer; readonly sender?: ECDH } = {},
): Buffer {
  const receiver = Buffer.from(keys.p256dh, 'base64url')
  const senderPoint = sender.getPublicKey()
  const info = Buffer.concat([Buffer.from('WebPush: info\0'), receiver, senderPoint])
  const secret = derive(sender.computeSecret(receiver), Buffer.from(keys.auth, 'base64url'), info, 32)
  const key = derive(secret, salt, Buffer.from('Content-Encoding: aes128gcm\0'), KEY_BYTES)
  const nonce = derive(secret, salt, Buffer.from('Content-Encoding: nonce\0'), NONCE_BYTES)

  const cipher = createCipheriv('aes-128-gcm', key, nonce)
  const record = [
    cipher.update(Buffer.concat([Buffer.from(message), LAST_RECORD])),
    cipher.final(),
    cipher.getAuthTag(),
  ]
  return Buffer.concat([headerOf(salt, senderPoint), ...record])
}

/** https://www.rfc-editor.org/rfc/rfc8188#section-2.1 */
function headerOf(salt: Buffer, keyId: Buffer): Buffer {
  const sizes = Buffer.alloc(5)
  sizes.writeUInt32BE(RECORD_SIZE)
  sizes.writeUInt8(keyId.length, 4)
  return Buffer.concat([salt, sizes, keyId])
}

const derive = (secret: Buffer, salt: Buffer, info: Buffer, length: number): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, salt, info, length))

function newSender(): ECDH {
  const sender = createECDH('prime256v1')
  sender.generateKeys()
  return sender
}
