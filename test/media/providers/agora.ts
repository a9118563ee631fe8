import { createHmac } from 'node:crypto'
import { inflateSync } from 'node:zlib'
import { ByteReader, type TokenContent } from './admission.ts'

export const AGORA = { appId: '0123456789abcdef0123456789ABCDEF', certificate: 'fedcba9876543210fedcba9876543210' }

export interface AgoraToken extends TokenContent {
  readonly appId: string
  /** Privileges, each with its lifetime in seconds from the time of issue. */
  readonly privileges: readonly (readonly [number, number])[]
}

/** The privileges of an RTC channel. */
const JOIN = 1
const PUBLISH = [2, 3, 4]
const RTC_SERVICE = 1

/** Reads an AccessToken2 (007) with one RTC service; throws unless this certificate has signed it. */
export function readAgoraToken(token: string, certificate = AGORA.certificate): AgoraToken {
  if (!token.startsWith('007')) throw new Error('not version 007')
  const reader = new ByteReader(inflateSync(Buffer.from(token.slice(3), 'base64')))
  const signature = reader.bytes16()
  const signed = reader.rest
  const appId = reader.text16()
  const [issuedAt, ttl, salt] = [reader.uint32(), reader.uint32(), reader.uint32()]
  const key = hmac(uint32(salt), hmac(uint32(issuedAt), certificate))
  if (!hmac(key, signed).equals(signature)) throw new Error('signed by another certificate')

  if (reader.uint16() !== 1 || reader.uint16() !== RTC_SERVICE) throw new Error('not for one RTC channel alone')
  const privileges = reader.map()
  const [roomId, userId] = [reader.text16(), reader.text16()]
  reader.end()
  const allowed = new Set(privileges.map(([privilege]) => privilege))
  return {
    appId,
    issuedAt,
    expiresAt: issuedAt + ttl,
    roomId,
    userId,
    privileges,
    mayPublish: PUBLISH.some((privilege) => allowed.has(privilege)),
    maySubscribe: allowed.has(JOIN),
  }
}

/** HMAC-SHA256. In the derivation of the key, the integer is the key and the previous result the message. */
const hmac = (key: Buffer, message: Buffer | string): Buffer => createHmac('sha256', key).update(message).digest()

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
