import { createHmac, randomInt } from 'node:crypto'
import { text } from '../../core/variable.ts'
import { type Admission, define, type Provider } from './provider.ts'

export interface VolcengineAccount {
  /** 24 characters. */
  readonly appId: string
  readonly appKey: string
}

const VERSION = '001'

/** Privileges in a token: publishing as a whole, followed by audio, video and data. */
const PUBLISH = [0, 1, 2, 3]
const SUBSCRIBE = [4]

/** Volcengine RTC: https://www.volcengine.com/docs/6348/70121 */
export const createVolcengine = (account: VolcengineAccount): Provider => ({
  admit: async (admission) => ({ appId: account.appId, url: null, token: accessToken(account, admission) }),
})

export const volcengine = define({
  variables: {
    VOLCENGINE_APP_ID: text.regex(/^[0-9A-Za-z]{24}$/, 'must have 24 letters and digits'),
    VOLCENGINE_APP_KEY: text,
  },
  secrets: ['VOLCENGINE_APP_KEY'],
  create: (account): Provider =>
    createVolcengine({ appId: account.VOLCENGINE_APP_ID, appKey: account.VOLCENGINE_APP_KEY }),
})

/**
 * AccessToken version 001: `"001" + appId + base64(bytes16(message) + bytes16(HMAC-SHA256(appKey, message)))`. Numbers are
 * little-endian; `bytes16` prefixes bytes with their length in 16 bits. The message consists of nonce, issuedAt, expireAt,
 * roomId, userId, and the privileges in ascending order, each with its expiry.
 */
function accessToken({ appId, appKey }: VolcengineAccount, admission: Admission): string {
  const { roomId, userId, mayPublish, issuedAt, ttl } = admission
  const expireAt = issuedAt + ttl
  const privileges = mayPublish ? [...PUBLISH, ...SUBSCRIBE] : SUBSCRIBE
  const message = Buffer.concat([
    ...[randomInt(1, 2 ** 32), issuedAt, expireAt].map(uint32),
    ...[roomId, userId].map((text) => bytes16(Buffer.from(text))),
    uint16(privileges.length),
    ...privileges.flatMap((privilege) => [uint16(privilege), uint32(expireAt)]),
  ])
  const signature = createHmac('sha256', appKey).update(message).digest()
  return VERSION + appId + Buffer.concat([bytes16(message), bytes16(signature)]).toString('base64')
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16LE(value)
  return bytes
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

const bytes16 = (bytes: Buffer): Buffer => Buffer.concat([uint16(bytes.length), bytes])
