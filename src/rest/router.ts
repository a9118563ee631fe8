import type { Authenticate } from '../auth/authenticate.ts'
import { badInput, RtcError, shorten } from '../core/errors.ts'
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
    const { url, headers } = request
    const method = request.method === 'HEAD' ? 'GET' : request.method
    try {
      const actor = await authenticate(headers.authorization)
      const { route, params } = match(routes, method, url.pathname.slice(REST_PREFIX.length))
      const input = method === 'GET' ? queryOf(url) : await bodyOf(request)
      const addressOf = (path: string) =>
        publicUrl ? `${publicUrl}${REST_PREFIX}${path}` : relativeAddress(url.pathname, REST_PREFIX + path)
      const parsed = parseInput(route.input, input)
      return await concurrency.run(actor, () => route.handle({ actor, params, headers, input: parsed, addressOf }))
    } catch (error) {
      return problemReply(error, { instance: url.pathname, log })
    }
  }
}

function match(routes: readonly Route[], method: string, path: string) {
  const otherMethods: string[] = []
  for (const route of routes) {
    const params = paramsOf(route.path, path)
    if (!params) continue
    if (route.method === method) return { route, params }
    otherMethods.push(route.method)
  }
  if (otherMethods.length > 0) throw new MethodNotAllowed(method, otherMethods)
  throw new RtcError('NOT_FOUND', `${REST_PREFIX}${shorten(path)} does not exist.`)
}

function paramsOf(pattern: string, path: string): Record<string, string> | undefined {
  const [expected, actual] = [pattern.split('/'), path.replace(/\/$/, '').split('/')]
  if (expected.length !== actual.length) return undefined
  const params: Record<string, string> = {}
  for (const [index, segment] of expected.entries()) {
    const value = actual[index] ?? ''
    if (segment.startsWith(':')) params[segment.slice(1)] = decode(value)
    else if (segment !== value) return undefined
  }
  return params
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    throw new RtcError('NOT_FOUND', 'The path is not valid.')
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
