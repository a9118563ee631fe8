import { readFile } from 'node:fs/promises'

/** The published document, unchanged. */
const text = await readFile(new URL('rtc-api.md', import.meta.url), 'utf8')

/** The JSON blocks of "Create Room", verbatim. */
export const [REQUEST_BODY = '', RESPONSE_BODY = ''] = [...text.matchAll(/^```json\n(.*?)^```/gms)].map(
  ([, json]) => json,
)

export interface Endpoint {
  readonly name: string
  readonly method: string
  /** The full path, with `:id` for the room. */
  readonly path: string
}

/** The rows of the endpoint table. Their paths begin with the last segment of the path prefix. */
export const ENDPOINTS: readonly Endpoint[] = [...text.matchAll(/^\| ([^|]+) \| ([A-Z]+) \| `([^`]+)` \|/gm)].map(
  ([, name = '', method = '', path = '']) => ({ name, method, path: `/im/api/v1${path}` }),
)
