import { loadConfig } from '../config.ts'
import { createLogger } from '../core/logger.ts'
import { migrate as applyMigrations } from '../db/migrate.ts'
import { type Command, type Outcome, parseArguments, printed } from './command.ts'
import { openDatabase } from './database.ts'
import { type Run, untilStopped } from './run.ts'

const HELP = `Usage: rtc-gateway migrate

Applies the migrations of this version that the database lacks, also with MIGRATE=off, and exits.
Gateways of the previous version may run meanwhile.`

export const migrate: Command = {
  help: HELP,
  async run(argv) {
    parseArguments(argv, { options: {} })
    return await untilStopped(migrateDatabase)
  },
}

async function migrateDatabase({ lifecycle, stop }: Run): Promise<Outcome> {
  const configuration = loadConfig()
  const log = createLogger('silent')
  const { url } = await openDatabase(configuration, { lifecycle, stop, log })
  const applied = await applyMigrations(url, log, { signal: stop })
  if (applied.length === 0) return printed('The database has all migrations of this version.')
  return printed(['Applied:', ...applied.map((name) => `  ${name}`)].join('\n'))
}
