import { type DocumentNode, execute, type ExecutionArgs, type ExecutionResult, getVariableValues } from 'graphql'
import type { Context } from './context.ts'
import { compileWriter, type JsonWriter } from './json-writer.ts'
import { ANSWER_MAX, exceedsBytes } from './work.ts'

/** Maximum estimated memory of the cache in bytes. */
const CACHE_BYTES = 16 * 1024 * 1024
/** Estimated memory of a character of a document, whose nodes the cache retains, and of a compiled field. */
const CHARACTER_BYTES = 100
const FIELD_BYTES = 1000
/** Fields of an operation that is compiled. */
const FIELDS_MAX = 500

interface Entry {
  readonly writer: JsonWriter
  readonly bytes: number
}

/** The result of an operation without errors, as JSON text. */
export class JsonResult implements ExecutionResult {
  /** The JSON of `data`. */
  readonly #data: string

  constructor(data: string) {
    this.#data = data
  }

  get data(): Record<string, unknown> {
    return JSON.parse(this.#data) as Record<string, unknown>
  }

  /** The JSON of the whole result. */
  get json(): string {
    return `{"data":${this.#data}}`
  }
}

/**
 * Executes queries and mutations, those that are repeated by functions compiled from their documents (`json-writer.ts`), in
 * bounded memory. graphql-js executes what is not compiled, what has an error and what may be too large, without resolving the
 * root fields again.
 */
export class CompiledOperations {
  /** By operation name, least recently used document first. */
  readonly #entries = new Map<DocumentNode, Map<string, Entry>>()
  /** Operations that were executed once, or that cannot be compiled. */
  readonly #others = new WeakMap<DocumentNode, Map<string, 'once' | 'never'>>()
  #bytes = 0

  async execute(args: ExecutionArgs): Promise<ExecutionResult> {
    const writer = this.#writerOf(args)
    if (!writer) return execute(args)
    const { variableDefinitions = [] } = writer.operation
    const { coerced } = getVariableValues(args.schema, variableDefinitions, args.variableValues ?? {})
    if (!coerced) return execute(args)
    const context = args.contextValue as Context
    const outcomes = new Map<string, unknown>()
    try {
      const data = await writer.write({ context, variables: coerced, outcomes })
      if (fits(data)) return new JsonResult(data)
    } catch {
      // An error, which `execute` reports.
    }
    return execute({ ...args, contextValue: context.fork({ outcomes }) })
  }

  /** Compiles an operation when it is executed for the second time. */
  #writerOf(args: ExecutionArgs): JsonWriter | undefined {
    const { document } = args
    const name = args.operationName ?? ''
    const entries = this.#entries.get(document)
    const known = entries?.get(name)
    if (entries && known) {
      this.#entries.delete(document)
      this.#entries.set(document, entries)
      return known.writer
    }
    const others = this.#others.get(document) ?? new Map<string, 'once' | 'never'>()
    this.#others.set(document, others)
    const other = others.get(name)
    const writer = other === 'once' ? compileWriter(args, { fieldsMax: FIELDS_MAX }) : undefined
    others.set(name, other === undefined || writer ? 'once' : 'never')
    if (writer) this.#keep(document, name, writer)
    return writer
  }

  #keep(document: DocumentNode, name: string, writer: JsonWriter): void {
    const bytes = CHARACTER_BYTES * (document.loc?.source.body.length ?? 0) + FIELD_BYTES * writer.fields
    const entries = this.#entries.get(document) ?? new Map<string, Entry>()
    this.#entries.delete(document)
    this.#entries.set(document, entries.set(name, { writer, bytes }))
    this.#bytes += bytes
    for (const [oldest, evicted] of this.#entries) {
      if (this.#bytes <= CACHE_BYTES) return
      this.#entries.delete(oldest)
      for (const entry of evicted.values()) this.#bytes -= entry.bytes
    }
  }
}

/**
 * Whether the estimate of the result of `execute` is surely within the limit. It is less than four times the JSON, and at
 * most the estimate of the parsed JSON, in which times are texts.
 */
const fits = (json: string): boolean =>
  json.length <= ANSWER_MAX.bytes / 4 || !exceedsBytes(JSON.parse(json), ANSWER_MAX.bytes)
