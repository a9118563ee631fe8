import { type DocumentNode, type GraphQLSchema, parse, TokenKind, validate, type ValidationRule } from 'graphql'
import { badInput } from '../core/errors.ts'
import { TOKENS_MAX } from './limits.ts'
import type { Params } from './params.ts'
import type { TrustedDocuments } from './trusted.ts'

/** Longest document that is parsed, in bytes; trusted ones may be longer. */
export const DOCUMENT_LIMIT = 16 * 1024

/** What the parsed documents that are kept may take, in bytes. */
const CACHE_BYTES = 16 * 1024 * 1024
/** What one token takes with its nodes, measured; comments are tokens that the parser keeps, too. */
const TOKEN_BYTES = 400

/** Validation ends with these many errors. */
const ERRORS_MAX = 20

/**
 * Valid documents by their text, the most recently used first, in bounded memory. Those that do not fit the schema are
 * not kept.
 */
export class Documents {
  readonly #schema: GraphQLSchema
  readonly #rules: readonly ValidationRule[]
  readonly #trusted: TrustedDocuments
  /** The least recently used comes first. */
  readonly #kept = new Map<string, { readonly document: DocumentNode; readonly bytes: number }>()
  #bytes = 0

  constructor(dependencies: {
    readonly schema: GraphQLSchema
    readonly rules: readonly ValidationRule[]
    readonly trusted: TrustedDocuments
  }) {
    this.#schema = dependencies.schema
    this.#rules = dependencies.rules
    this.#trusted = dependencies.trusted
  }

  /** What the cache holds, in bytes as it counts them. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * The document that the parameters ask for, parsed and valid.
   *
   * @throws RtcError, GraphQLError for wrong syntax, or an array of GraphQLErrors for what does not fit the schema
   */
  get(params: Params): DocumentNode {
    const { text, trusted } = this.#trusted.textOf(params)
    const known = this.#kept.get(text)
    if (known) {
      this.#kept.delete(text)
      this.#kept.set(text, known)
      return known.document
    }
    if (!trusted && Buffer.byteLength(text) > DOCUMENT_LIMIT) {
      throw badInput([{ path: 'query', message: `The document may have at most ${DOCUMENT_LIMIT} bytes` }])
    }
    const document = parse(text, trusted ? {} : { maxTokens: TOKENS_MAX })
    const errors = validate(this.#schema, document, this.#rules, { maxErrors: ERRORS_MAX })
    if (errors.length > 0) throw errors
    this.#keep(text, document)
    return document
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
