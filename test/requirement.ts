import { appendFileSync } from 'node:fs'
import { inject } from 'vitest'

declare module 'vitest' {
  interface ProvidedContext {
    /** Path of the file that collects what was skipped, a line each, for the end of the run. */
    skipped: string
  }
}

/**
 * For `describe.runIf`: whether this machine has what some tests need. Where it has not, they are skipped, which the run
 * says in the end; with `CI=true` they run and fail.
 *
 * @param tests - what is skipped, such as `BROWSER TESTS`
 * @param missing - what to do about it
 */
export function isMet(met: boolean, tests: string, missing: string): boolean {
  if (met || process.env['CI'] === 'true') return true
  reportSkipped(`${tests}: ${missing}`)
  return false
}

/** Says in the end of the run what was skipped and why. */
export function reportSkipped(reason: string): void {
  appendFileSync(inject('skipped'), `${reason}\n`)
}
