import { isIP } from 'node:net'
import type { HttpRequest } from './message.ts'

/** Signs a token for whoever asks, in development mode. */
export type DevelopmentToken = (userId: string) => Promise<string>

/** Whom pages have tokens for. */
export type DevelopmentTokens = Readonly<Record<'alice' | 'bob', string>>

/**
 * The tokens that a page opens with; none without development mode. None either for a page that was asked for by a name
 * of the DNS: it may be a stranger's, pointed here so that their page may read this one (DNS rebinding).
 */
export async function developmentTokensFor(
  { headers: { host = '' } }: Pick<HttpRequest, 'headers'>,
  developmentToken: DevelopmentToken | undefined,
): Promise<DevelopmentTokens | undefined> {
  if (!developmentToken || !isLiteral(host)) return undefined
  return { alice: await developmentToken('alice'), bob: await developmentToken('bob') }
}

/** https://www.rfc-editor.org/rfc/rfc6761#section-6.3 */
function isLiteral(host: string): boolean {
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  return name === 'localhost' || name.endsWith('.localhost') || isIP(name) !== 0
}
