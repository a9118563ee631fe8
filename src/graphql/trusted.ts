import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { badInput, RtcError } from '../core/errors.ts'
import type { Params } from './params.ts'

/** The documents of the operator's manifest, by id. */
export interface TrustedDocuments {
  /**
   * Returns the text of the requested document.
   *
   * @throws RtcError BAD_USER_INPUT if there is none, FORBIDDEN if the document is not trusted and only trusted ones are
   * allowed
   */
  textOf(params: Params): { readonly text: string; readonly trusted: boolean }
}

/** On this message, the persisted-query links of Apollo and urql send the text of the document. */
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
      const byId = documentId === undefined ? undefined : manifest.get(documentId)
      const text = byId ?? query
      if (text === undefined) {
        if (documentId === undefined) throw badInput([{ path: 'query', message: 'is missing' }])
        if (manifest.size === 0) throw new RtcError('BAD_USER_INPUT', NOT_SUPPORTED)
        // Sending the text would not help where only trusted documents are allowed.
        throw only
          ? new RtcError('FORBIDDEN', 'No trusted document has this id.')
          : new RtcError('BAD_USER_INPUT', NOT_SUPPORTED)
      }
      const trusted = byId !== undefined || texts.has(text)
      if (only && !trusted) throw new RtcError('FORBIDDEN', 'Only trusted documents are allowed.')
      return { text, trusted }
    },
  }
}

/** `{id: text}`, the format of graphql-codegen and Relay, or Apollo's manifest. */
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
 * Reads a manifest of trusted documents. Each document is also found by the SHA-256 of its text, which persisted-query
 * links send.
 *
 * @throws RtcError when the manifest cannot be read
 */
export function loadTrustedDocuments(
  source: { readonly path: string; readonly only: boolean } | undefined,
): TrustedDocuments {
  if (!source) return createTrustedDocuments()
  try {
    return createTrustedDocuments(parseManifest(readFileSync(source.path, 'utf8')), source)
  } catch (error) {
    const reason =
      error instanceof z.ZodError ? 'it must be a JSON object that maps ids to documents' : (error as Error).message
    throw new RtcError('BAD_USER_INPUT', `TRUSTED_DOCUMENTS: ${source.path} cannot be used: ${reason}`)
  }
}
