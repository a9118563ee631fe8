import { createDecipheriv, createECDH, hkdfSync, randomBytes } from 'node:crypto'
import { newVapidKeys } from '../../src/push/vapid.ts'

/** The keys of a gateway. */
export const VAPID = newVapidKeys('mailto:operator@example.com')

/** The variables that turn Web Push on. */
export const VAPID_ENV: Record<string, string> = {
  VAPID_PUBLIC_KEY: VAPID.publicKey,
  VAPID_PRIVATE_KEY: VAPID.privateKey,
  VAPID_SUBJECT: VAPID.subject,
}

/** A browser with a push subscription, which can decrypt what it receives. */
export interface Browser {
  /** The result of `PushSubscription.toJSON()`. */
  readonly subscription: {
    readonly endpoint: string
    readonly expirationTime: null
    readonly keys: { readonly p256dh: string; readonly auth: string }
  }
  /** Decrypts a body with the content coding aes128gcm. */
  decrypt(body: Buffer): string
}

export function createBrowser(endpoint: string): Browser {
  const keys = createECDH('prime256v1')
  const p256dh = keys.generateKeys('base64url')
  const auth = randomBytes(16)
  return {
    subscription: { endpoint, expirationTime: null, keys: { p256dh, auth: auth.toString('base64url') } },
    // Written from https://www.rfc-editor.org/rfc/rfc8291#section-3.4, independently of the gateway.
    decrypt(body) {
      const salt = body.subarray(0, 16)
      const sender = body.subarray(21, 21 + body.readUInt8(20))
      const sealed = body.subarray(21 + sender.length)
      const hkdf = (ikm: Buffer, from: Buffer, info: string | Buffer, length: number) =>
        Buffer.from(hkdfSync('sha256', ikm, from, info, length))
      const info = Buffer.concat([Buffer.from('WebPush: info\0'), keys.getPublicKey(), sender])
      const ikm = hkdf(keys.computeSecret(sender), auth, info, 32)
      const decipher = createDecipheriv(
        'aes-128-gcm',
        hkdf(ikm, salt, 'Content-Encoding: aes128gcm\0', 16),
        hkdf(ikm, salt, 'Content-Encoding: nonce\0', 12),
      )
      decipher.setAuthTag(sealed.subarray(-16))
      const padded = Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()])
      const end = padded.lastIndexOf(2)
      return padded.subarray(0, end).toString()
    },
  }
}
