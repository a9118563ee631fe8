/** How long the gateway waits for others, in milliseconds. */
export const TIMEOUTS = {
  /** For the head of a request, and for the first request of a connection. */
  requestHead: 10_000,
  /** For a whole request. */
  request: 30_000,
  /** For `connection_init` on a WebSocket. */
  socketInit: 10_000,
  /** Between two pings of a WebSocket. */
  socketPing: 25_000,
  /** For a pong; after that, the peer counts as gone. */
  socketPong: 10_000,
  /** For the issuer's keys. */
  keySetAnswer: 5_000,
  /** Least time between the beginnings of two fetches of the issuer's keys, whoever asks for them. */
  keySetFetch: 2_000,
} as const

/** Tests shorten them. */
export type Timeouts = Readonly<Record<keyof typeof TIMEOUTS, number>>
