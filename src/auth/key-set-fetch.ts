import type { JSONWebKeySet } from 'jose'
import type { FailureCause } from '../core/failures.ts'

/** Key sets have few keys of less than 4 KiB each. */
const MAX_BYTES = 512 * 1024

/** The issuer's keys could not be fetched. */
export class KeySetFailure extends Error {
  override readonly name = 'KeySetFailure'
  readonly reason: FailureCause

  constructor(reason: FailureCause, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.reason = reason
  }
}

/**
 * Fetches a JWK Set. Does not follow redirects, which would let an open redirect choose the keys.
 *
 * @param timeout - milliseconds until the whole response must have arrived
 * @throws KeySetFailure
 */
export async function fetchKeySet(url: URL, timeout: number): Promise<JSONWebKeySet> {
  const body = await read(url, timeout).catch((error: unknown) => {
    if (error instanceof KeySetFailure) throw error
    const isTimeout = error instanceof Error && error.name === 'TimeoutError'
    throw isTimeout
      ? new KeySetFailure('key_set_timeout', `no response within ${timeout / 1000} seconds`, error)
      : new KeySetFailure('key_set_unreachable', 'the request failed', error)
  })
  const keySet = parse(body)
  if (!isKeySet(keySet)) throw new KeySetFailure('key_set_invalid', 'the response is not a JSON Web Key Set')
  return keySet
}

async function read(url: URL, timeout: number): Promise<string> {
  const headers = { accept: 'application/jwk-set+json, application/json' }
  const response = await fetch(url, { headers, redirect: 'manual', signal: AbortSignal.timeout(timeout) })
  if (response.status !== 200) {
    await response.body?.cancel()
    const isRedirect = response.status >= 300 && response.status < 400
    throw new KeySetFailure(
      isRedirect ? 'key_set_redirect' : 'key_set_invalid',
      `the status of the response is ${response.status}`,
    )
  }
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength
    if (size > MAX_BYTES) throw new KeySetFailure('key_set_invalid', `the response is larger than ${MAX_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new KeySetFailure('key_set_invalid', 'the response is not JSON', error)
  }
}

function isKeySet(value: unknown): value is JSONWebKeySet {
  if (typeof value !== 'object' || value === null || !('keys' in value) || !Array.isArray(value.keys)) return false
  return value.keys.every((key) => typeof key === 'object' && key !== null)
}
