import { createHmac } from 'node:crypto'
import { ByteReader, type TokenContent } from './admission.ts'

export const VOLCENGINE = { appId: '0123456789abcdef01234567', appKey: 'the key of the volcengine app' }

export interface VolcengineToken extends TokenContent {
  readonly appId: string
  readonly nonce: number
  /** Privileges, each with its expiry, in their encoded order. */
  readonly privileges: readonly (readonly [number, number])[]
}

/** Reads an AccessToken 001; throws unless it is signed with this key and completely parsed. */
export function readVolcengineToken(token: string, appKey = VOLCENGINE.appKey): VolcengineToken {
  const [, appId = '', body = ''] = /^001(.{24})([0-9A-Za-z+/]+={0,2})$/.exec(token) ?? []
  const content = new ByteReader(Buffer.from(body, 'base64'))
  const message = content.bytes16()
  const signature = content.bytes16()
  content.end()
  if (!createHmac('sha256', appKey).update(message).digest().equals(signature)) throw new Error('signed by another key')

  const reader = new ByteReader(message)
  const [nonce, issuedAt, expiresAt] = [reader.uint32(), reader.uint32(), reader.uint32()]
  const [roomId, userId] = [reader.text16(), reader.text16()]
  const privileges = reader.map()
  reader.end()
  const allowed = new Set(privileges.map(([privilege]) => privilege))
  return {
    appId,
    nonce,
    issuedAt,
    expiresAt,
    roomId,
    userId,
    privileges,
    mayPublish: [0, 1, 2, 3].some((privilege) => allowed.has(privilege)),
    maySubscribe: allowed.has(4),
  }
}
