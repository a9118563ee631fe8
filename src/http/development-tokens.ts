import { isIP } from 'node:net'
import { ADMIN_SCOPE } from '../core/actor.ts'
import type { HttpRequest } from './message.ts'

/** Signs a token for any user. Exists in development mode only. */
export type DevelopmentToken = (userId: string, scopes?: readonly string[]) => Promise<string>

/** The tokens that pages start with, by user. */
export type DevelopmentTokens = Readonly<Record<'alice' | 'bob', string>>

/**
 * Signs the tokens that a page starts with. Undefined outside development mode, and for a page requested by a DNS name,
 * which could be an attacker's name that points here (DNS rebinding).
 */
export async function developmentTokensFor(
  { headers: { host = '' } }: Pick<HttpRequest, 'headers'>,
  developmentToken: DevelopmentToken | undefined,
): Promise<DevelopmentTokens | undefined> {
  if (!developmentToken || !isLiteral(host)) return undefined
  return { alice: await developmentToken('alice'), bob: await developmentToken('bob') }
}

/** Signs a token with the scope rtc:admin, under the same conditions as {@link developmentTokensFor}. */
export async function adminTokenFor(
  { headers: { host = '' } }: Pick<HttpRequest, 'headers'>,
  developmentToken: DevelopmentToken | undefined,
): Promise<string | undefined> {
  if (!developmentToken || !isLiteral(host)) return undefined
  return developmentToken('administrator', [ADMIN_SCOPE])
}

/** https://www.rfc-editor.org/rfc/rfc6761#section-6.3 */
function isLiteral(host: string): boolean {
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  return name === 'localhost' || name.endsWith('.localhost') || isIP(name) !== 0
}
