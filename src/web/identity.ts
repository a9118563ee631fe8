/** The signed-in user of this tab. */
export interface Identity {
  readonly userId: string
  readonly token: string
}

/** The options that the gateway renders into the element `#options`. */
export interface Options {
  /** Development tokens by user id; absent outside development mode. */
  readonly tokens?: Readonly<Record<string, string>>
  /** @default 'sub' */
  readonly userClaim?: string
}

const TOKEN_KEY = 'token'

/** The URL's hash for a pasted token; a development user has `#alice`. Reloads and bookmarks keep the identity. */
export const PASTED_TOKEN = 'token'

export function readOptions(): Options {
  return JSON.parse(document.getElementById('options')?.textContent || '{}') as Options
}

/** The user named by the URL's hash, with a development token or the one pasted into this tab. */
export function readIdentity({ tokens = {}, userClaim = 'sub' }: Options): Identity | undefined {
  const name = nameFromHash(location.hash)
  const pasted = sessionStorage.getItem(TOKEN_KEY)
  if (name === PASTED_TOKEN && pasted !== null) {
    const userId = subjectOf(pasted, userClaim)
    return userId === undefined ? undefined : { userId, token: pasted }
  }
  const token = Object.hasOwn(tokens, name) ? tokens[name] : undefined
  return token === undefined ? undefined : { userId: name, token }
}

function nameFromHash(hash: string): string {
  try {
    return decodeURIComponent(hash.slice(1))
  } catch {
    return ''
  }
}

/** Stores a pasted token for this tab; it is not put into the URL, because users share URLs. */
export function keepToken(token: string): void {
  sessionStorage.setItem(TOKEN_KEY, token)
}

/**
 * The user id in a JWT's claim, unverified: the gateway verifies it. Undefined if it is not a JWT or lacks the claim.
 */
export function subjectOf(token: string, userClaim: string): string | undefined {
  try {
    const payload = token.split('.')[1] ?? ''
    const bytes = Uint8Array.from(atob(payload.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0))
    const subject = (JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>)[userClaim]
    return typeof subject === 'string' && subject !== '' ? subject : undefined
  } catch {
    return undefined
  }
}
