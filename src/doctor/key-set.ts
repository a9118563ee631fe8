import { fetchKeySet, KeySetFailure } from '../auth/key-set-fetch.ts'
import { FAILURES } from '../core/failures.ts'
import { ANSWER_TIMEOUT, fail, type Finding, ok, reasonOf, warn } from './finding.ts'

/** Key types that can verify tokens: https://www.rfc-editor.org/rfc/rfc7518#section-6.1 */
const USABLE: ReadonlySet<unknown> = new Set(['RSA', 'EC', 'OKP'])

export async function checkKeySet(url: string): Promise<Finding> {
  try {
    const { keys } = await fetchKeySet(new URL(url), ANSWER_TIMEOUT)
    const usable = keys.filter(({ kty, use }) => USABLE.has(kty) && use !== 'enc')
    if (usable.length === 0) return fail('JWKS_URL', 'has no key that verifies tokens', 'publish an RSA, EC or OKP key')
    const found = `has ${usable.length === 1 ? 'a key' : `${usable.length} keys`}`
    const nameless = usable.length > 1 && usable.some(({ kid }) => kid === undefined)
    return nameless
      ? warn('JWKS_URL', `${found}, not all with a key id`, 'give each key a kid, so that a token can name its key')
      : ok('JWKS_URL', found)
  } catch (error) {
    const reason = error instanceof KeySetFailure ? FAILURES[error.reason] : 'cannot be fetched'
    return fail(
      'JWKS_URL',
      `${reason}: ${reasonOf(error)}`,
      'check the address from this machine; redirects are not followed',
    )
  }
}
