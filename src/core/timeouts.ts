/** Timeouts for clients and for the token issuer, in milliseconds. */
export const TIMEOUTS = {
  /** For the headers of a request, and for the first request of a connection. */
  requestHead: 10_000,
  /** For a whole request. */
  request: 30_000,
  /** For `connection_init` on a WebSocket. */
  socketInit: 10_000,
  /** Interval of pings on a WebSocket. */
  socketPing: 25_000,
  /** For a pong; then the connection is closed as half-open. */
  socketPong: 10_000,
  /** For the response with the issuer's keys. */
  keySetAnswer: 5_000,
  /** Minimum interval between the starts of two fetches of the issuer's keys. */
  keySetFetch: 2_000,
} as const

/** Seconds without a heartbeat after which a node counts as dead. The grace of its participants begins within 15 s. */
export const DEAD_AFTER = 10

/** Timeouts that tests can shorten. */
export type Timeouts = Readonly<Record<keyof typeof TIMEOUTS, number>>
