import { createHash } from 'node:crypto'
import { ATTRIBUTE, addressOf, type Attribute, encode, errorOf, type StunMessage, TYPE } from './stun.ts'
import type { StunConnection } from './stun-connection.ts'

export interface Credentials {
  readonly username: string
  readonly credential: string
}

export type AllocationResult =
  /** The server relays at this address. */
  | { readonly kind: 'allocated'; readonly address: string; readonly port: number }
  /** The server allocates without credentials. */
  | { readonly kind: 'open' }
  | { readonly kind: 'refused'; readonly code: number; readonly phrase: string }
  /** The response is neither an allocation nor an error. */
  | { readonly kind: 'unexpected' }

/** REQUESTED-TRANSPORT: UDP between the relay and the peer. */
const UDP: Attribute = [ATTRIBUTE.requestedTransport, Buffer.from([17, 0, 0, 0])]
const UNAUTHENTICATED = 401
const STALE_NONCE = 438

/**
 * Allocates a relay address (https://www.rfc-editor.org/rfc/rfc8656#section-7) with long-term credentials, and gives it
 * back.
 */
export async function allocate(
  connection: StunConnection,
  { username, credential }: Credentials,
): Promise<AllocationResult> {
  let response = await connection.exchange(encode(TYPE.allocateRequest, [UDP]))
  if (response.type === TYPE.allocateSuccess) return { kind: 'open' }
  // The first response tells realm and nonce; a nonce may expire between two requests.
  for (const expected of [UNAUTHENTICATED, STALE_NONCE]) {
    if (errorOf(response)?.code !== expected) break
    const { attributes, key } = authentication(response, { username, credential })
    response = await connection.exchange(encode(TYPE.allocateRequest, [UDP, ...attributes], key))
    if (response.type === TYPE.allocateSuccess) await release(connection, { attributes, key })
  }
  const relayed = addressOf(response, ATTRIBUTE.relayedAddress)
  if (response.type === TYPE.allocateSuccess && relayed) return { kind: 'allocated', ...relayed }
  const error = errorOf(response)
  return error ? { kind: 'refused', ...error } : { kind: 'unexpected' }
}

interface Authentication {
  readonly attributes: readonly Attribute[]
  readonly key: Buffer
}

/** Long-term credentials: https://www.rfc-editor.org/rfc/rfc8489#section-9.2 */
function authentication({ attributes }: StunMessage, { username, credential }: Credentials): Authentication {
  const realm = attributes.get(ATTRIBUTE.realm) ?? Buffer.alloc(0)
  const nonce = attributes.get(ATTRIBUTE.nonce) ?? Buffer.alloc(0)
  return {
    attributes: [
      [ATTRIBUTE.username, Buffer.from(username)],
      [ATTRIBUTE.realm, realm],
      [ATTRIBUTE.nonce, nonce],
    ],
    key: createHash('md5').update(`${username}:${realm.toString()}:${credential}`).digest(),
  }
}

async function release(connection: StunConnection, { attributes, key }: Authentication): Promise<void> {
  const none: Attribute = [ATTRIBUTE.lifetime, Buffer.alloc(4)]
  // Otherwise the allocation expires by itself.
  await connection.exchange(encode(TYPE.refreshRequest, [none, ...attributes], key)).catch(() => undefined)
}
