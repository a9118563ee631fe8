/**
 * For `describe.runIf`: whether this machine has what some tests need. Where it has not, they are skipped, audibly; with
 * `CI=true` they run and fail.
 *
 * @param tests - what is skipped, such as `BROWSER TESTS`
 * @param missing - what to do about it
 */
export function isMet(met: boolean, tests: string, missing: string): boolean {
  if (met || process.env['CI'] === 'true') return true
  console.warn(`${tests} SKIPPED: ${missing}`)
  return false
}
