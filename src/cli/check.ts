import { createApp } from '../app.ts'
import { ConfigError, loadConfig } from '../config.ts'
import { RtcError } from '../core/errors.ts'
import { createLogger } from '../core/logger.ts'
import { createGatewayServer } from '../server.ts'
import { type Command, failed, type Outcome, parseArguments, printed } from './command.ts'

const HELP = `Usage: rtc-gateway check

Checks the configuration, the same way as the start does, without connecting to anything.
Exits with 0 if it is valid, and with 1 after a list of all problems.`

/** `rtc-gateway check`, also `rtc-gateway start --check-config`. */
export const check: Command = {
  help: HELP,
  async run(argv) {
    parseArguments(argv, { options: {} })
    return await checkConfiguration()
  },
}

/** Constructs the whole gateway, which reads keys and files but connects to nothing, and starts none of it. */
export async function checkConfiguration(): Promise<Outcome> {
  try {
    const configuration = loadConfig()
    const app = createApp(configuration, {
      databaseUrl: configuration.secrets.databaseUrl ?? 'postgresql://embedded',
      ...(configuration.config.development && { developmentSecret: 'stands for the one in DATA_DIR' }),
      log: createLogger('silent'),
    })
    createGatewayServer(app)
    await app.dispose()
    return printed('The configuration is valid.')
  } catch (error) {
    if (error instanceof ConfigError || error instanceof RtcError) return failed(error.message)
    throw error
  }
}
