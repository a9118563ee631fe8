/** The embedded database server cannot run. The message is written for the operator. */
export class EmbeddedServerError extends Error {
  override readonly name = 'EmbeddedServerError'

  /**
   * @param options.output the output of the server or program, if any
   * @param options.advice specific advice, in addition to the general one
   */
  constructor(reason: string, options: { output?: string; advice?: string | undefined; cause?: unknown } = {}) {
    const output = lastLines(options.output ?? '')
    super(
      `The embedded database server cannot run: ${reason}\n` +
        (output && `${output.replaceAll(/^/gm, '  | ')}\n`) +
        (options.advice === undefined ? '' : `${options.advice}\n`) +
        'Set DATA_DIR to a directory that this user owns, or DATABASE_URL to a PostgreSQL server of your own.',
      options.cause === undefined ? undefined : { cause: options.cause },
    )
  }
}

/** The server has no directory or no programs. The message is one sentence for the operator, which names the variable. */
export class EmbeddedSetupError extends Error {
  override readonly name = 'EmbeddedSetupError'
}

const lastLines = (text: string): string => text.trim().split('\n').slice(-12).join('\n')
