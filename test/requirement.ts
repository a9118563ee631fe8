import { appendFileSync } from 'node:fs'
import { inject } from 'vitest'

declare module 'vitest' {
  interface ProvidedContext {
    /** Path of the file that collects the skipped tests, one per line, for the summary of the run. */
    skipped: string
  }
}

/**
 * For `describe.runIf`: whether this machine meets a requirement of some tests. If not, the tests are skipped and listed
 * in the summary of the run; with `CI=true` they run and fail.
 *
 * @param tests - the name of the skipped tests, such as `BROWSER TESTS`
 * @param missing - what is missing, and how to install it
 */
export function isMet(met: boolean, tests: string, missing: string): boolean {
  if (met || process.env['CI'] === 'true') return true
  reportSkipped(`${tests}: ${missing}`)
  return false
}

/** Adds a line to the summary of skipped tests. */
export function reportSkipped(reason: string): void {
  appendFileSync(inject('skipped'), `${reason}\n`)
}
