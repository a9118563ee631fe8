import { parseArgs, type ParseArgsConfig } from 'node:util'

/** The result of a command. Exit codes: 0 success, 1 failure, 2 invalid arguments. */
export interface Outcome {
  readonly exitCode: 0 | 1 | 2
  readonly stdout?: string
  readonly stderr?: string
}

export interface Command {
  /** The text of `--help`. Its first paragraph is the usage, its second one a summary. */
  readonly help: string
  /**
   * @param argv the arguments after the command's name
   * @throws UsageError if the arguments are invalid
   */
  run(argv: readonly string[]): Promise<Outcome>
}

export const printed = (text: string): Outcome => ({ exitCode: 0, stdout: `${text}\n` })
export const failed = (text: string): Outcome => ({ exitCode: 1, stderr: `${text}\n` })

/** Invalid arguments. The message is one sentence. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/**
 * Like `parseArgs` of node:util.
 *
 * @throws UsageError instead of a TypeError with advice in several sentences
 */
export function parseArguments<const Config extends ParseArgsConfig>(
  argv: readonly string[],
  config: Config,
): ReturnType<typeof parseArgs<Config>> {
  try {
    return parseArgs<Config>({ ...config, args: [...argv] })
  } catch (error) {
    const [sentence = ''] = (error instanceof Error ? error.message : String(error)).split(/[.\n]\s|\n/)
    throw new UsageError(sentence.charAt(0).toLowerCase() + sentence.slice(1))
  }
}
