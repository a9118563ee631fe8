import { type DestinationStream, pino, type Logger as PinoLogger, stdTimeFunctions } from 'pino'

export type Logger = PinoLogger
export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/**
 * Lines are written together, in bytes or milliseconds: one write per line costs ten times what the line does. Beyond the
 * maximum, lines that wait for the reader of standard output are dropped.
 */
const BUFFER = { minLength: 8 * 1024, periodicFlush: 100, maxLength: 16 * 1024 * 1024 } as const

/**
 * Creates a logger that writes one line of JSON per entry.
 *
 * @param destination @default standard output, written synchronously
 */
export function createLogger(level: LogLevel, destination?: DestinationStream): Logger {
  const options = {
    level,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: errorFields },
  }
  return destination ? pino(options, destination) : pino(options)
}

/**
 * Creates a logger on standard output whose writes do not block the event loop when the reader is slow. Pino writes what is
 * left when the process exits, also after an uncaught exception.
 */
export function createProcessLogger(level: LogLevel): Logger {
  const destination = pino.destination({ dest: 1, sync: false, ...BUFFER })
  const log = createLogger(level, destination)
  let dropped = 0
  destination.on('drop', () => (dropped += 1))
  destination.on('drain', () => {
    if (dropped === 0) return
    const lines = dropped
    dropped = 0
    log.warn({ lines }, 'the reader of standard output is too slow: lines were dropped')
  })
  return log
}

/**
 * Writes the lines that wait. Call before the process exits: if the reader of standard output has gone, this notices it,
 * whereas what is left at the exit is tried again forever.
 */
export const flushLog = (log: Logger): Promise<void> =>
  new Promise((resolve) => {
    log.flush(() => resolve())
  })

const CAUSES_MAX = 3

/**
 * The fields of an error that are safe to log. Other fields of errors, such as `detail` of PostgreSQL, contain values of
 * rows.
 */
function errorFields(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return error
  return {
    type: error.name,
    message: error.message,
    ...('code' in error && (typeof error.code === 'string' || typeof error.code === 'number') && { code: error.code }),
    stack: error.stack,
    ...(error.cause !== undefined && depth < CAUSES_MAX && { cause: errorFields(error.cause, depth + 1) }),
    ...(error instanceof AggregateError && {
      errors: error.errors.slice(0, CAUSES_MAX).map((each) => errorFields(each, CAUSES_MAX)),
    }),
  }
}
