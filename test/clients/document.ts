import { readFile } from 'node:fs/promises'

/** The published document, as its readers have it. */
const text = await readFile(new URL('rtc-api.md', import.meta.url), 'utf8')

/** The JSON blocks of "Create Room", to the letter. */
export const [REQUEST_BODY = '', RESPONSE_BODY = ''] = [...text.matchAll(/^```json\n(.*?)^```/gms)].map(
  ([, json]) => json,
)

export interface Endpoint {
  readonly name: string
  readonly method: string
  /** From the root on, with `:id` for the room. */
  readonly path: string
}

/** The rows of the endpoint table. Their paths begin within the path prefix, at its last segment. */
export const ENDPOINTS: readonly Endpoint[] = [...text.matchAll(/^\| ([^|]+) \| ([A-Z]+) \| `([^`]+)` \|/gm)].map(
  ([, name = '', method = '', path = '']) => ({ name, method, path: `/im/api/v1${path}` }),
)
