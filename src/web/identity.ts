/** Who calls from this tab. */
export interface Identity {
  readonly userId: string
  readonly token: string
}

/** What the gateway has put into the page's element `#options`. */
export interface Options {
  /** Development tokens by user; none outside development mode. */
  readonly tokens?: Readonly<Record<string, string>>
  /** @default 'sub' */
  readonly userClaim?: string
}

const TOKEN_KEY = 'token'

/** In the address, so that a reload, a bookmark and a second tab each know: `#alice`, or `#token` for a pasted one. */
export const PASTED_TOKEN = 'token'

export function readOptions(): Options {
  return JSON.parse(document.getElementById('options')?.textContent || '{}') as Options
}

/** Whoever the address names, with their development token or the one that was pasted into this tab. */
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

/** Keeps a pasted token for this tab; it is not in the address, for that is shared. */
export function keepToken(token: string): void {
  sessionStorage.setItem(TOKEN_KEY, token)
}

/** Whose a JWT says it is; whether that is true, the gateway finds out. Undefined when it is no JWT or does not say. */
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
