import { createHmac, randomBytes } from 'node:crypto'

/** STUN messages: https://www.rfc-editor.org/rfc/rfc8489#section-5 */
export interface StunMessage {
  readonly type: number
  readonly transactionId: Buffer
  readonly attributes: ReadonlyMap<number, Buffer>
}

export type Attribute = readonly [type: number, value: Buffer]

const MAGIC_COOKIE = 0x21_12_a4_42
const HEADER_BYTES = 20

/** Method and class: https://www.rfc-editor.org/rfc/rfc8656#section-17 */
export const TYPE = {
  bindingRequest: 0x0001,
  bindingSuccess: 0x0101,
  allocateRequest: 0x0003,
  allocateSuccess: 0x0103,
  refreshRequest: 0x0004,
} as const

/** https://www.rfc-editor.org/rfc/rfc8489#section-18.3 and https://www.rfc-editor.org/rfc/rfc8656#section-18 */
export const ATTRIBUTE = {
  username: 0x0006,
  messageIntegrity: 0x0008,
  errorCode: 0x0009,
  lifetime: 0x000d,
  realm: 0x0014,
  nonce: 0x0015,
  relayedAddress: 0x0016,
  requestedTransport: 0x0019,
  mappedAddress: 0x0020,
} as const

/**
 * Encodes a message with a new transaction id.
 *
 * @param key - signs the message (MESSAGE-INTEGRITY, https://www.rfc-editor.org/rfc/rfc8489#section-14.5)
 */
export function encode(type: number, attributes: readonly Attribute[], key?: Buffer): Buffer {
  const body = Buffer.concat(attributes.map(encodeAttribute))
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt16BE(type, 0)
  header.writeUInt32BE(MAGIC_COOKIE, 4)
  randomBytes(12).copy(header, 8)
  if (!key) {
    header.writeUInt16BE(body.length, 2)
    return Buffer.concat([header, body])
  }
  // The signed length already includes the signature.
  header.writeUInt16BE(body.length + 24, 2)
  const signed = Buffer.concat([header, body])
  const signature = createHmac('sha1', key).update(signed).digest()
  return Buffer.concat([signed, encodeAttribute([ATTRIBUTE.messageIntegrity, signature])])
}

function encodeAttribute([type, value]: Attribute): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt16BE(type, 0)
  head.writeUInt16BE(value.length, 2)
  return Buffer.concat([head, value, Buffer.alloc(padding(value.length))])
}

const padding = (length: number): number => (4 - (length % 4)) % 4

/** The length of the message at the beginning of `bytes`, or undefined if more bytes are needed. */
export function lengthOf(bytes: Buffer): number | undefined {
  if (bytes.length < HEADER_BYTES) return undefined
  const length = HEADER_BYTES + bytes.readUInt16BE(2)
  return bytes.length < length ? undefined : length
}

/** @returns undefined if the bytes are not one STUN message */
export function decode(bytes: Buffer): StunMessage | undefined {
  if (lengthOf(bytes) !== bytes.length || bytes.readUInt32BE(4) !== MAGIC_COOKIE) return undefined
  const attributes = new Map<number, Buffer>()
  for (let at = HEADER_BYTES; at + 4 <= bytes.length;) {
    const length = bytes.readUInt16BE(at + 2)
    const end = at + 4 + length
    if (end > bytes.length) return undefined
    attributes.set(bytes.readUInt16BE(at), bytes.subarray(at + 4, end))
    at = end + padding(length)
  }
  return { type: bytes.readUInt16BE(0), transactionId: bytes.subarray(8, HEADER_BYTES), attributes }
}

/** The number and the phrase of an error response; undefined for other messages. */
export function errorOf({ attributes }: StunMessage): { code: number; phrase: string } | undefined {
  const value = attributes.get(ATTRIBUTE.errorCode)
  if (!value || value.length < 4) return undefined
  return { code: (value.readUInt8(2) & 0x7) * 100 + value.readUInt8(3), phrase: value.subarray(4).toString() }
}

/** Decodes an address that is combined with the cookie and the transaction id (RFC 8489, section 14.2). */
export function addressOf(
  { attributes, transactionId }: StunMessage,
  attribute: number,
): { address: string; port: number } | undefined {
  const value = attributes.get(attribute)
  if (!value || value.length < 8) return undefined
  const port = value.readUInt16BE(2) ^ (MAGIC_COOKIE >>> 16)
  const mask = Buffer.alloc(16)
  mask.writeUInt32BE(MAGIC_COOKIE, 0)
  transactionId.copy(mask, 4)
  const bytes = Array.from(value.subarray(4), (byte, index) => byte ^ (mask[index] ?? 0))
  if (bytes.length === 4) return { address: bytes.join('.'), port }
  const groups = Array.from({ length: 8 }, (_, index) => ((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0))
  return { address: groups.map((group) => group.toString(16)).join(':'), port }
}
