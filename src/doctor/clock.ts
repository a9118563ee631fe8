import { ANSWER_TIMEOUT, fail, type Finding, ok, warn } from './finding.ts'

/** Milliseconds. Tokens tolerate a difference of 5 seconds. */
const TOLERATED = 5000
const NOTICEABLE = 1000

/** @param ahead - milliseconds that the other clock is ahead of this machine's */
export function clockFinding(other: string, ahead: number, accuracy = 0): Finding {
  const difference = Math.max(Math.abs(ahead) - accuracy, 0)
  const seconds = `${(Math.abs(ahead) / 1000).toFixed(difference < NOTICEABLE ? 3 : 1)} s`
  const found = `${other} is ${seconds} ${ahead < 0 ? 'behind' : 'ahead of'} this machine's`
  const remedy = 'synchronise the clocks (NTP): tokens tolerate a difference of 5 seconds'
  if (difference > TOLERATED) return fail('clock', found, remedy)
  if (difference > NOTICEABLE) return warn('clock', found, remedy)
  return ok('clock', found)
}

/** Compares the header `Date` of the issuer with this machine's clock; it has a resolution of a second. */
export async function checkIssuersClock(url: string): Promise<Finding[]> {
  const sentAt = Date.now()
  const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(ANSWER_TIMEOUT) }).catch(
    () => undefined,
  )
  await response?.body?.cancel()
  const date = Date.parse(response?.headers.get('date') ?? '')
  // An issuer that cannot be reached is the finding of another check.
  if (Number.isNaN(date)) return []
  const ahead = date + 500 - (sentAt + Date.now()) / 2
  return [clockFinding("the issuer's clock", ahead, 1000)]
}
