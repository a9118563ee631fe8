import { randomUUID } from 'node:crypto'
import { GraphQLError } from 'graphql'
import { type ErrorCode, ERRORS, MESSAGE_MAX, RtcError, shorten } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'

/**
 * Creates the one translation into GraphQL errors, for results and streams over every transport. Each error gets its
 * `extensions.code` from the error table and its status in `extensions.http`. Unexpected errors are logged with an id and
 * masked.
 */
export function createErrorTranslator(log: Logger): (error: unknown) => GraphQLError {
  return function toGraphQLError(error) {
    const original = originalOf(error)
    if (original instanceof RtcError) return fromRtcError(original, error)
    if (original instanceof GraphQLError) {
      // Errors from graphql-js: the document or the variables do not match the schema.
      return isCoded(original) ? original : withCode(error, 'BAD_USER_INPUT', (error as GraphQLError).message)
    }
    const id = randomUUID()
    log.error({ err: original, id }, 'unexpected error')
    return withCode(error, 'INTERNAL', `Internal error ${id}`, { id })
  }
}

/** The codes of translated errors. */
export const codesOf = (errors: readonly GraphQLError[]): readonly ErrorCode[] =>
  errors.map((error) => (isCoded(error) ? error.extensions.code : 'INTERNAL'))

/** The status of a response with these errors: the highest among them. */
export const statusOf = (errors: readonly GraphQLError[]): number =>
  Math.max(...errors.map((error) => (isCoded(error) ? statusIn(error) : ERRORS.INTERNAL.status)))

/** `Retry-After` with the longest `extensions.retryAfter` among the errors, if there is one. */
export function retryHeaders(errors: readonly GraphQLError[]): Record<string, string> {
  const seconds = errors.map(({ extensions }) => extensions['retryAfter']).filter((value) => typeof value === 'number')
  return seconds.length > 0 ? { 'Retry-After': String(Math.max(...seconds)) } : {}
}

function statusIn({ extensions }: GraphQLError & { extensions: { code: ErrorCode } }): number {
  const { status } = (extensions['http'] ?? {}) as { status?: unknown }
  return typeof status === 'number' ? status : ERRORS[extensions.code].status
}

const isCoded = (error: GraphQLError): error is GraphQLError & { extensions: { code: ErrorCode } } =>
  typeof error.extensions['code'] === 'string' && error.extensions['code'] in ERRORS

function originalOf(error: unknown): unknown {
  return error instanceof GraphQLError && error.originalError ? originalOf(error.originalError) : error
}

function fromRtcError(original: RtcError, located: unknown): GraphQLError {
  const { code, status, message, problems, retryAfter } = original
  return withCode(located, code, message, {
    http: { status },
    ...(problems.length > 0 && { errors: problems }),
    ...(retryAfter !== undefined && { retryAfter }),
  })
}

function withCode(located: unknown, code: ErrorCode, message: string, details: Record<string, unknown> = {}) {
  const { nodes, source, positions, path } = located instanceof GraphQLError ? located : new GraphQLError('')
  return new GraphQLError(shorten(message, MESSAGE_MAX), {
    nodes: nodes ?? null,
    source: source ?? null,
    positions: positions ?? null,
    path: path ?? null,
    extensions: { code, http: { status: ERRORS[code].status }, ...details },
  })
}
