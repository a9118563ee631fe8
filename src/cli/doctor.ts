import { type Configuration, ConfigError, loadConfig } from '../config.ts'
import { createLogger } from '../core/logger.ts'
import { examine } from '../doctor/examination.ts'
import { fail, type Finding, ok } from '../doctor/finding.ts'
import { type Command, type Outcome, parseArguments } from './command.ts'
import { openDatabase } from './database.ts'
import { explain, type Run, untilStopped } from './run.ts'

const HELP = `Usage: rtc-gateway doctor [--json]

Checks what the gateway depends on: the database and its migrations, the bus, clocks, the issuer's keys, STUN and
TURN servers (by an allocation with credentials of TURN_SECRET), media providers, WukongIM, the push gateway, and
PUBLIC_URL as clients use it.
Changes nothing, except that without DATABASE_URL it starts the embedded database for the duration of the check.

  --json  prints an array of {check, status, detail, remedy}

Exits with 1 if a check has failed.`

export const doctor: Command = {
  help: HELP,
  async run(argv) {
    const { values } = parseArguments(argv, { options: { json: { type: 'boolean' } } })
    return await untilStopped(async (run) => report(await diagnose(run), { json: values.json === true }))
  },
}

async function diagnose({ lifecycle, stop }: Run): Promise<Finding[]> {
  let configuration: Configuration
  try {
    configuration = loadConfig()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map((problem) => fail('configuration', problem, 'see docs/operations.md'))
  }
  const findings = [ok('configuration', 'is valid')]
  const log = createLogger('silent')
  const impatient = { ...configuration, config: { ...configuration.config, databaseWait: 0 } }
  const opened = await openDatabase(impatient, { lifecycle, stop, log }).catch((error: unknown) => {
    stop.throwIfAborted()
    const [sentence = ''] = explain(error).split('\n')
    findings.push(fail('database', sentence.replace(/; waited.*/, ''), 'check DATABASE_URL, or DATA_DIR'))
    return undefined
  })
  return [...findings, ...(await examine(configuration, { databaseUrl: opened?.url, log }))]
}

function report(findings: readonly Finding[], { json }: { readonly json: boolean }): Outcome {
  const exitCode = findings.some(({ status }) => status === 'fail') ? 1 : 0
  if (json) return { exitCode, stdout: `${JSON.stringify(findings, null, 2)}\n` }
  const width = Math.max(...findings.map(({ check }) => check.length))
  const lines = findings.map(
    ({ check, status, detail, remedy }) =>
      `${status.padEnd(4)}  ${check.padEnd(width)}  ${detail}${remedy === undefined ? '' : `. ${capitalised(remedy)}.`}`,
  )
  return { exitCode, stdout: `${lines.join('\n')}\n` }
}

const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
