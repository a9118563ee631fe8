import { createHmac } from 'node:crypto'
import { inflateSync } from 'node:zlib'
import type { TokenContent } from './admission.ts'

export const TENCENT = { sdkAppId: '1400000000', secret: 'the secret of the tencent app' }

export interface TencentToken extends TokenContent {
  readonly sdkAppId: string
}

/** Reads a UserSig; throws unless this secret has signed it. */
export function readTencentToken(token: string, secret = TENCENT.secret): TencentToken {
  if (!/^[0-9A-Za-z*_-]+$/.test(token)) throw new Error('not in the alphabet of a UserSig')
  const base64 = token.replaceAll('*', '+').replaceAll('-', '/').replaceAll('_', '=')
  const { 'TLS.sig': signature, ...signed } = JSON.parse(inflateSync(Buffer.from(base64, 'base64')).toString())
  const names = ['TLS.identifier', 'TLS.sdkappid', 'TLS.time', 'TLS.expire']
  if (signed['TLS.ver'] !== '2.0' || Object.keys(signed).length !== names.length + 1) throw new Error('of another kind')
  const text = names.map((name) => `${name}:${signed[name]}\n`).join('')
  if (createHmac('sha256', secret).update(text).digest('base64') !== signature) throw new Error('signed by another key')
  const [userId, sdkAppId, issuedAt, ttl] = names.map((name) => signed[name])
  return { userId, sdkAppId: String(sdkAppId), issuedAt, expiresAt: issuedAt + ttl }
}
