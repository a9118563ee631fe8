import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate } from 'node:zlib'
import { badInput, RtcError } from '../core/errors.ts'

/** https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1 */
const DECODERS = new Map([
  ['gzip', promisify(gunzip)],
  ['x-gzip', promisify(gunzip)],
  ['deflate', promisify(inflate)],
  ['br', promisify(brotliDecompress)],
])

/**
 * Decodes the Content-Encoding of a body.
 *
 * @param options.limit - maximum bytes of the decoded body
 * @throws RtcError UNSUPPORTED_MEDIA_TYPE, PAYLOAD_TOO_LARGE, BAD_USER_INPUT
 */
export async function decodeBody(
  body: Buffer,
  { encoding = 'identity', limit }: { encoding: string | undefined; limit: number },
): Promise<Buffer> {
  const name = encoding.trim().toLowerCase()
  if (name === 'identity' || name === '' || body.length === 0) return body
  const decode = DECODERS.get(name)
  if (!decode) {
    throw new RtcError('UNSUPPORTED_MEDIA_TYPE', `Supported content encodings: ${[...DECODERS.keys()].join(', ')}.`)
  }
  try {
    return await decode(body, { maxOutputLength: limit })
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') {
      throw new RtcError('PAYLOAD_TOO_LARGE', `The decoded body is larger than ${limit} bytes.`)
    }
    throw badInput([{ path: '', message: `The body is not valid ${name}` }])
  }
}
