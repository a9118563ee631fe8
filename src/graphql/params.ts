import { z } from 'zod'
import { badInput } from '../core/errors.ts'
import { parseInput } from '../core/input.ts'
import { readJson } from '../core/json.ts'

/**
 * The parameters of a GraphQL request over any transport. Unknown parameters are ignored.
 *
 * @see https://graphql.github.io/graphql-over-http/draft/#sec-Request-Parameters
 */
export interface Params {
  readonly query: string | undefined
  /** The id of a trusted document. */
  readonly documentId: string | undefined
  readonly operationName: string | undefined
  readonly variables: Readonly<Record<string, unknown>> | undefined
}

/** The prefix of the paths at which JSON that cannot be read without loss is refused. */
export const CHECKED = 'variables.'

const map = z.record(z.string(), z.unknown(), 'must be a map').nullish()
const text = (message: string) => z.string(message).nullish()
const Request = z.object({
  query: text('must be a string'),
  documentId: text('must be a string'),
  operationName: text('must be a string'),
  variables: map,
  extensions: map,
})
const PersistedQuery = z.object({ persistedQuery: z.object({ sha256Hash: z.string() }) })

/** @throws RtcError BAD_USER_INPUT */
export function parseParams(input: unknown): Params {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw badInput([{ path: '', message: 'The request must be a single JSON object; batching is disabled' }])
  }
  const { query, documentId, operationName, variables, extensions } = parseInput(Request, input)
  const hash = PersistedQuery.safeParse(extensions).data?.persistedQuery.sha256Hash
  return {
    query: query ?? undefined,
    // A persisted-query link first sends only the hash.
    documentId: documentId ?? hash,
    operationName: operationName || undefined,
    variables: variables ?? undefined,
  }
}

/** Reads the parameters from the query string of a GET request; `variables` and `extensions` are JSON. */
export function paramsOfQuery(search: URLSearchParams): Params {
  const json = (name: string) => {
    const value = search.get(name)
    if (value === null || value === '') return {}
    return { [name]: (readJson(`{"${name}":${value}}`, { checked: CHECKED }) as Record<string, unknown>)[name] }
  }
  return parseParams({ ...Object.fromEntries(search), ...json('variables'), ...json('extensions') })
}
