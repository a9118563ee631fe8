import { ANSWER_TIMEOUT, fail, type Finding, ok, reasonOf } from './finding.ts'

/**
 * Asks for the path of notifications by GET, which sends none: a push gateway answers that only POST is allowed.
 *
 * @param url - complete, as notifications are sent to it
 */
export async function checkPushGateway(url: string): Promise<Finding> {
  const check = 'PUSH_GATEWAY_URL'
  try {
    const { status, body } = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(ANSWER_TIMEOUT) })
    await body?.cancel()
    return status === 405 || status < 300
      ? ok(check, `answers ${status}; whether it accepts the apps shows at the first push`)
      : fail(check, `${url} answers ${status}, not as a push gateway does`, 'check the address and the path')
  } catch (error) {
    const remedy = 'check the address, and that the push gateway runs and can be reached from this machine'
    return fail(check, `does not answer: ${reasonOf(error)}`, remedy)
  }
}
