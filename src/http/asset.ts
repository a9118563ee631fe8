import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { HttpReply, HttpRequest } from './message.ts'

/** A file in memory, immutable at its URL because the URL changes with the content. */
export interface Asset {
  /** Hash of the content, safe in a URL. */
  readonly hash: string
  /** Replies in an encoding that the client accepts, or with 304 if the client has the current version. */
  reply(request: HttpRequest): Promise<HttpReply>
}

type Encoding = 'br' | 'gzip'

/** In order of preference. The best Brotli quality would take half a minute for GraphiQL's assets. */
const ENCODERS: Readonly<Record<Encoding, (content: Buffer) => Promise<Buffer>>> = {
  br: (content) => promisify(brotliCompress)(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }),
  gzip: (content) => promisify(gzip)(content),
}

/** @param type - media type, with its charset */
export function createAsset(type: string, text: string): Asset {
  const content = Buffer.from(text)
  const hash = hashOf([text])
  const encoded = new Map<Encoding, Promise<Buffer>>()

  /** Compresses off the main thread at the first request for an encoding; caches the result. */
  const encode = (encoding: Encoding): Promise<Buffer> => {
    const body = encoded.get(encoding) ?? ENCODERS[encoding](content)
    encoded.set(encoding, body)
    return body
  }

  return {
    hash,
    async reply({ headers }) {
      const encoding = encodingOf(headers['accept-encoding'])
      const etag = `"${encoding ? `${hash}-${encoding}` : hash}"`
      const caching = {
        'Cache-Control': 'public, max-age=31536000, immutable',
        ETag: etag,
        Vary: 'Accept-Encoding',
        'X-Content-Type-Options': 'nosniff',
      }
      if (matches(headers['if-none-match'], etag)) return { status: 304, headers: caching }
      return {
        status: 200,
        headers: { ...caching, 'Content-Type': type, ...(encoding && { 'Content-Encoding': encoding }) },
        body: encoding ? await encode(encoding) : content,
      }
    },
  }
}

/** A short hash over all texts. */
export function hashOf(texts: Iterable<string>): string {
  const hash = createHash('sha256')
  for (const text of texts) hash.update(text)
  return hash.digest('base64url').slice(0, 16)
}

/** https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3 */
function encodingOf(accepted = ''): Encoding | undefined {
  const names = accepted
    .toLowerCase()
    .split(',')
    .filter((part) => !/;\s*q=0(\.0*)?\s*$/.test(part))
    .map((part) => part.split(';')[0]?.trim())
  return (Object.keys(ENCODERS) as Encoding[]).find((encoding) => names.includes(encoding))
}

/** https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2 */
const matches = (candidates = '', etag: string): boolean =>
  candidates.split(',').some((candidate) => ['*', etag, `W/${etag}`].includes(candidate.trim()))
