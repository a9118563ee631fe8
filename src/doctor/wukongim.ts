import { WukongimClient, WukongimError } from '../wukongim/client.ts'
import { ANSWER_TIMEOUT, fail, type Finding, ok, reasonOf } from './finding.ts'

/** Asks WukongIM whether a user is online, which changes and sends nothing. */
export async function checkWukongim(account: {
  readonly url: string
  readonly token: string | undefined
}): Promise<Finding> {
  const client = new WukongimClient(account, () => new Date())
  try {
    await client.online(['rtc-gateway-doctor'], AbortSignal.timeout(ANSWER_TIMEOUT))
    return ok('WUKONGIM_URL', 'answers and accepts the token, if it asks for one')
  } catch (error) {
    if (error instanceof WukongimError && error.cause === undefined) {
      const remedy = "WUKONGIM_TOKEN must equal WukongIM's managerToken; compare the address with that of its HTTP API"
      return fail('WUKONGIM_URL', error.message, remedy)
    }
    const remedy = 'check the address, and that WukongIM runs and can be reached from this machine'
    return fail('WUKONGIM_URL', `does not answer: ${reasonOf(error)}`, remedy)
  }
}
