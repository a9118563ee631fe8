import { createHash, createHmac } from 'node:crypto'

/** A request and how to sign it. */
export interface SignedRequest {
  readonly url: URL
  /** Headers that are signed in addition to `host`, by lower-case name. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly algorithm: string
  readonly accessKeyId: string
  /** The first key of the chain. */
  readonly secret: string
  /** The time in the signed text. */
  readonly timestamp: string
  /** `date/…/terminator`: each part derives the next key from the previous one. */
  readonly scope: readonly string[]
}

/**
 * The `Authorization` header of a POST, by the scheme that AWS has published as Signature Version 4 and that Volcengine
 * (https://www.volcengine.com/docs/6369/67269) and Tencent Cloud (https://www.tencentcloud.com/document/api/213/33224) use
 * with other constants.
 */
export function authorizationOf(request: SignedRequest): string {
  const { url, algorithm, accessKeyId, secret, timestamp, scope } = request
  const headers = Object.entries({ ...request.headers, host: url.host }).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const signedHeaders = headers.map(([name]) => name).join(';')
  const query = [...url.searchParams]
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .toSorted()
    .join('&')
  const lines = headers.map(([name, value]) => `${name}:${value}\n`).join('')
  const canonical = ['POST', url.pathname, query, lines, signedHeaders, sha256(request.body)].join('\n')
  const scopeText = scope.join('/')
  const text = [algorithm, timestamp, scopeText, sha256(canonical)].join('\n')
  const key = scope.reduce<string | Buffer>((chained, part) => hmac(chained, part), secret)
  const signature = hmac(key, text).toString('hex')
  return `${algorithm} Credential=${accessKeyId}/${scopeText}, SignedHeaders=${signedHeaders}, Signature=${signature}`
}

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()
