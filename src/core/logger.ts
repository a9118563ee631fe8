import { pino, type Logger as PinoLogger } from 'pino'

export type Logger = PinoLogger
export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Creates a logger that writes one line of JSON per entry to standard output. */
export const createLogger = (level: LogLevel): Logger => pino({ level })
