/** The default database server cannot run here. Its message is written for whoever starts the gateway. */
export class EmbeddedServerError extends Error {
  override readonly name = 'EmbeddedServerError'

  /**
   * @param options.said what the server itself wrote, if anything
   * @param options.advice what can be done about it, beside the general advice
   */
  constructor(reason: string, options: { said?: string; advice?: string | undefined; cause?: unknown } = {}) {
    const said = lastLines(options.said ?? '')
    super(
      `The default database server cannot run: ${reason}\n` +
        (said && `${said.replaceAll(/^/gm, '  | ')}\n`) +
        (options.advice === undefined ? '' : `${options.advice}\n`) +
        'Set DATA_DIR to a directory that this user owns, or DATABASE_URL to a PostgreSQL server of your own.',
      options.cause === undefined ? undefined : { cause: options.cause },
    )
  }
}

const lastLines = (text: string): string => text.trim().split('\n').slice(-12).join('\n')
