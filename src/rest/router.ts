import type { Authenticate } from '../auth/authenticate.ts'
import { badInput, codeOf, RtcError, shorten } from '../core/errors.ts'
import { parseInput } from '../core/input.ts'
import type { Logger } from '../core/logger.ts'
import { parseJson, requireJson } from '../http/json.ts'
import type { HttpReply, HttpRequest } from '../http/message.ts'
import type { Concurrency } from '../limits/concurrency.ts'
import { relativeAddress } from '../http/relative.ts'
import { MethodNotAllowed } from '../http/method.ts'
import { problemReply } from './problem.ts'
import type { Route } from './route.ts'

/** Path prefix of the REST API. */
export const REST_PREFIX = '/im/api/v1/rtc'

/** Maximum size of a request body in bytes. */
const BODY_LIMIT = 64 * 1024

/** Handles every request below the prefix. Never rejects. */
export type RestHandler = (request: HttpRequest) => Promise<HttpReply>

export function createRestHandler(dependencies: {
  readonly routes: readonly Route[]
  readonly authenticate: Authenticate
  readonly concurrency: Concurrency
  /** The gateway's URL for clients. If absent, responses contain relative references, so that a proxy may add a prefix. */
  readonly publicUrl: string | undefined
  readonly log: Logger
}): RestHandler {
  const { routes, authenticate, concurrency, publicUrl, log } = dependencies
  return async (request) => {
    const { url, headers, record } = request
    const method = request.method === 'HEAD' ? 'GET' : request.method
    try {
      const matched = match(routes, method, url.pathname.slice(REST_PREFIX.length))
      if (matched.pattern !== undefined) record.route = REST_PREFIX + matched.pattern
      // Authenticate before reporting a wrong path.
      const actor = await authenticate(headers.authorization, record.context)
      record.userId = actor.id
      if (!matched.route) throw matched.refusal
      const { route, params } = matched
      const input = method === 'GET' ? queryOf(url) : await bodyOf(request)
      const addressOf = (path: string) =>
        publicUrl ? `${publicUrl}${REST_PREFIX}${path}` : relativeAddress(url.pathname, REST_PREFIX + path)
      const parsed = parseInput(route.input, input)
      return await concurrency.run(actor, () => route.handle({ actor, params, headers, input: parsed, addressOf }))
    } catch (error) {
      record.errorCode = codeOf(error)
      return problemReply(error, { instance: url.pathname, log })
    }
  }
}

type Match =
  | { readonly route: Route; readonly pattern: string; readonly params: Record<string, string> }
  | { readonly route?: undefined; readonly pattern: string | undefined; readonly refusal: RtcError }

function match(routes: readonly Route[], method: string, path: string): Match {
  const otherMethods: string[] = []
  let pattern: string | undefined
  for (const route of routes) {
    const params = paramsOf(route.path, path)
    if (!params) continue
    if (params instanceof RtcError) return { pattern: route.path, refusal: params }
    if (route.method === method) return { route, pattern: route.path, params }
    pattern = route.path
    otherMethods.push(route.method)
  }
  if (otherMethods.length > 0) return { pattern, refusal: new MethodNotAllowed(method, otherMethods) }
  return { pattern, refusal: new RtcError('NOT_FOUND', `${REST_PREFIX}${shorten(path)} does not exist.`) }
}

/** The values of a path's parameters; undefined if the path does not match the pattern, an error if it is not valid. */
function paramsOf(pattern: string, path: string): Record<string, string> | RtcError | undefined {
  const [expected, actual] = [pattern.split('/'), path.replace(/\/$/, '').split('/')]
  if (expected.length !== actual.length) return undefined
  const params: Record<string, string> = {}
  for (const [index, segment] of expected.entries()) {
    const value = actual[index] ?? ''
    if (!segment.startsWith(':')) {
      if (segment !== value) return undefined
      continue
    }
    const decoded = decode(value)
    if (decoded === undefined) return new RtcError('NOT_FOUND', 'The path is not valid.')
    params[segment.slice(1)] = decoded
  }
  return params
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined
  }
}

/** A missing body counts as an empty object, and so does `null`, which some clients send instead of no body. */
async function bodyOf(request: HttpRequest): Promise<unknown> {
  const body = await request.body(BODY_LIMIT)
  if (body.length === 0) return {}
  requireJson(request.headers)
  return parseJson(body) ?? {}
}

function queryOf(url: URL): Record<string, string> {
  const names = [...url.searchParams.keys()]
  const repeated = names.filter((name, index) => names.indexOf(name) !== index)
  if (repeated.length > 0) throw badInput(repeated.map((path) => ({ path, message: 'may be given only once' })))
  return Object.fromEntries(url.searchParams)
}
