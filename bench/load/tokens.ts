import { SignJWT } from 'jose'

/** The verification key of all servers. */
export const SECRET = 'a secret that only the benchmark knows, 32 bytes or more'

const key = new TextEncoder().encode(SECRET)
const tokens = new Map<string, Promise<string>>()

/** The cached token of the user. */
export function tokenOf(userId: string, scope = ''): Promise<string> {
  const name = `${userId} ${scope}`
  let token = tokens.get(name)
  if (!token) {
    token = new SignJWT(scope ? { scope } : {})
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject(userId)
      .setIssuedAt()
      .setExpirationTime('1d')
      .sign(key)
    tokens.set(name, token)
  }
  return token
}
