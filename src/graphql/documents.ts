import {
  type DocumentNode,
  type GraphQLError,
  type GraphQLSchema,
  parse,
  TokenKind,
  validate,
  type ValidationRule,
} from 'graphql'
import { badInput } from '../core/errors.ts'
import { TOKENS_MAX } from './limits.ts'

/** Maximum length of a document in bytes; trusted documents may be longer. */
export const DOCUMENT_LIMIT = 16 * 1024

/** Maximum estimated memory of the cache in bytes. */
const CACHE_BYTES = 16 * 1024 * 1024
/** Measured memory of one token with its nodes. The parser also keeps comments as tokens. */
const TOKEN_BYTES = 400

/** Validation stops after this many errors. */
const ERRORS_MAX = 20

/**
 * A cache of valid documents by their text, in bounded memory with least-recently-used eviction. Invalid documents are
 * not cached.
 */
export class Documents {
  readonly #schema: GraphQLSchema
  readonly #rules: readonly ValidationRule[]
  /** In order of use, least recent first. */
  readonly #cached = new Map<string, { readonly document: DocumentNode; readonly bytes: number }>()
  #bytes = 0

  constructor({ schema, rules }: { readonly schema: GraphQLSchema; readonly rules: readonly ValidationRule[] }) {
    this.#schema = schema
    this.#rules = rules
  }

  /** Estimated memory of the cache in bytes. */
  get bytes(): number {
    return this.#bytes
  }

  /** @throws RtcError if the text is too long, GraphQLError on a syntax error */
  parse(text: string, { isTrusted }: { readonly isTrusted: boolean }): DocumentNode {
    const cached = this.#cached.get(text)
    if (cached) {
      this.#cached.delete(text)
      this.#cached.set(text, cached)
      return cached.document
    }
    if (!isTrusted && Buffer.byteLength(text) > DOCUMENT_LIMIT) {
      throw badInput([{ path: 'query', message: `The document may have at most ${DOCUMENT_LIMIT} bytes` }])
    }
    return parse(text, isTrusted ? {} : { maxTokens: TOKENS_MAX })
  }

  /** Returns the validation errors; caches a document without errors. */
  validate(document: DocumentNode): readonly GraphQLError[] {
    const text = document.loc?.source.body ?? ''
    if (this.#cached.get(text)?.document === document) return []
    const errors = validate(this.#schema, document, this.#rules, { maxErrors: ERRORS_MAX })
    if (errors.length === 0) this.#cache(text, document)
    return errors
  }

  #cache(text: string, document: DocumentNode): void {
    const bytes = 2 * text.length + TOKEN_BYTES * tokensOf(document)
    this.#cached.set(text, { document, bytes })
    this.#bytes += bytes
    for (const [oldest, { bytes: freed }] of this.#cached) {
      if (this.#bytes <= CACHE_BYTES) break
      this.#cached.delete(oldest)
      this.#bytes -= freed
    }
  }
}

function tokensOf({ loc }: DocumentNode): number {
  let count = 0
  for (let token = loc?.startToken; token && token.kind !== TokenKind.EOF; token = token.next ?? undefined) count += 1
  return count
}
