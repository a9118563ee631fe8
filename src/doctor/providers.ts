import type { Configuration } from '../config.ts'
import { configuredProviders } from '../media/providers.ts'
import type { Admission, Provider } from '../media/providers/provider.ts'
import { fail, type Finding, ok, reasonOf } from './finding.ts'

/** Has each configured provider sign a token and, if its service can be asked, has the service verify the account. */
export const checkProviders = ({ config, secrets }: Configuration): Promise<Finding>[] =>
  Object.entries(configuredProviders(config.media, secrets).providers).flatMap(([name, provider]) =>
    provider && name !== 'webrtc' ? [checkProvider(`provider ${name}`, provider)] : [],
  )

async function checkProvider(check: string, provider: Provider): Promise<Finding> {
  try {
    await provider.admit(admission())
  } catch (error) {
    return fail(
      check,
      `cannot sign a token: ${reasonOf(error)}`,
      'compare its variables with the console of the provider',
    )
  }
  if (!provider.verify) return ok(check, 'signs tokens; whether the service accepts them shows at the first join')
  try {
    return ok(check, await provider.verify())
  } catch (error) {
    return fail(check, `does not accept the account: ${reasonOf(error)}`, 'check its URL, key and secret')
  }
}

const admission = (): Admission => ({
  roomId: '00000000-0000-7000-8000-000000000000',
  userId: 'doctor',
  uid: 1,
  mayPublish: false,
  issuedAt: Math.floor(Date.now() / 1000),
  ttl: 60,
})
