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

/** Longest document that is parsed, in bytes; trusted ones may be longer. */
export const DOCUMENT_LIMIT = 16 * 1024

/** What the parsed documents that are kept may take, in bytes. */
const CACHE_BYTES = 16 * 1024 * 1024
/** What one token takes with its nodes, measured; comments are tokens that the parser keeps, too. */
const TOKEN_BYTES = 400

/** Validation ends with these many errors. */
const ERRORS_MAX = 20

/**
 * Valid documents by their text, in bounded memory: the least recently used go first. Those that do not fit the schema
 * are not kept.
 */
export class Documents {
  readonly #schema: GraphQLSchema
  readonly #rules: readonly ValidationRule[]
  /** The least recently used comes first. */
  readonly #kept = new Map<string, { readonly document: DocumentNode; readonly bytes: number }>()
  #bytes = 0

  constructor({ schema, rules }: { readonly schema: GraphQLSchema; readonly rules: readonly ValidationRule[] }) {
    this.#schema = schema
    this.#rules = rules
  }

  /** What the cache holds, in bytes as it counts them. */
  get bytes(): number {
    return this.#bytes
  }

  /** @throws RtcError for one that is too long, GraphQLError for wrong syntax */
  parse(text: string, { isTrusted }: { readonly isTrusted: boolean }): DocumentNode {
    const known = this.#kept.get(text)
    if (known) {
      this.#kept.delete(text)
      this.#kept.set(text, known)
      return known.document
    }
    if (!isTrusted && Buffer.byteLength(text) > DOCUMENT_LIMIT) {
      throw badInput([{ path: 'query', message: `The document may have at most ${DOCUMENT_LIMIT} bytes` }])
    }
    return parse(text, isTrusted ? {} : { maxTokens: TOKENS_MAX })
  }

  /** What does not fit the schema; a document in which nothing is wrong is kept. */
  validate(document: DocumentNode): readonly GraphQLError[] {
    const text = document.loc?.source.body ?? ''
    if (this.#kept.get(text)?.document === document) return []
    const errors = validate(this.#schema, document, this.#rules, { maxErrors: ERRORS_MAX })
    if (errors.length === 0) this.#keep(text, document)
    return errors
  }

  #keep(text: string, document: DocumentNode): void {
    const bytes = 2 * text.length + TOKEN_BYTES * tokensOf(document)
    this.#kept.set(text, { document, bytes })
    this.#bytes += bytes
    for (const [oldest, { bytes: freed }] of this.#kept) {
      if (this.#bytes <= CACHE_BYTES) break
      this.#kept.delete(oldest)
      this.#bytes -= freed
    }
  }
}

function tokensOf({ loc }: DocumentNode): number {
  let count = 0
  for (let token = loc?.startToken; token && token.kind !== TokenKind.EOF; token = token.next ?? undefined) count += 1
  return count
}
