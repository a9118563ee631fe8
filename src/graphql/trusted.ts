import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { badInput, RtcError } from '../core/errors.ts'
import type { Params } from './params.ts'

/** Documents that were made known to the gateway beforehand, by id. */
export interface TrustedDocuments {
  /**
   * The text that a request asks for.
   *
   * @throws RtcError BAD_USER_INPUT when there is none, FORBIDDEN when only trusted ones are taken
   */
  textOf(params: Params): { readonly text: string; readonly trusted: boolean }
}

/** What Apollo's and urql's persisted-query links take as "send the text instead". */
const NOT_SUPPORTED = 'PersistedQueryNotSupported'

/**
 * @param manifest - texts by id
 * @param only - refuse every other document
 */
export function createTrustedDocuments(
  manifest: ReadonlyMap<string, string> = new Map(),
  { only }: { readonly only: boolean } = { only: false },
): TrustedDocuments {
  const texts = new Set(manifest.values())
  return {
    textOf({ query, documentId }) {
      const named = documentId === undefined ? undefined : manifest.get(documentId)
      const text = named ?? query
      if (text === undefined) {
        if (documentId === undefined) throw badInput([{ path: 'query', message: 'is missing' }])
        if (manifest.size === 0) throw new RtcError('BAD_USER_INPUT', NOT_SUPPORTED)
        // With a manifest, falling back to the text helps only where other documents are taken.
        throw only
          ? new RtcError('FORBIDDEN', 'There is no trusted document with this id.')
          : new RtcError('BAD_USER_INPUT', NOT_SUPPORTED)
      }
      const trusted = named !== undefined || texts.has(text)
      if (only && !trusted) throw new RtcError('FORBIDDEN', 'Only trusted documents are served here.')
      return { text, trusted }
    },
  }
}

/** `{id: text}`, as graphql-codegen and Relay write it, or Apollo's manifest. */
const Manifest = z.union([
  z
    .object({
      format: z.literal('apollo-persisted-query-manifest'),
      operations: z.array(z.object({ id: z.string(), body: z.string() })),
    })
    .transform(({ operations }) => new Map(operations.map(({ id, body }) => [id, body]))),
  z.record(z.string(), z.string()).transform((texts) => new Map(Object.entries(texts))),
])

function parseManifest(json: string): ReadonlyMap<string, string> {
  const texts = Manifest.parse(JSON.parse(json))
  const hashed = [...texts.values()].map((text) => [createHash('sha256').update(text).digest('hex'), text] as const)
  return new Map([...hashed, ...texts])
}

/**
 * Reads a manifest of trusted documents. Each is also known by the SHA-256 of its text, which persisted-query links send.
 *
 * @throws RtcError when it cannot be read
 */
export function loadTrustedDocuments(
  source: { readonly path: string; readonly only: boolean } | undefined,
): TrustedDocuments {
  if (!source) return createTrustedDocuments()
  try {
    return createTrustedDocuments(parseManifest(readFileSync(source.path, 'utf8')), source)
  } catch (error) {
    const reason =
      error instanceof z.ZodError ? 'it must be a JSON object of documents by id' : (error as Error).message
    throw new RtcError('BAD_USER_INPUT', `TRUSTED_DOCUMENTS: ${source.path} cannot be used: ${reason}`)
  }
}
