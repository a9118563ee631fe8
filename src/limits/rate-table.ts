import type { Rate } from './token-bucket.ts'

const PATTERN = /^([1-9]\d{0,8})\/([1-9]\d{0,5})s$/

/** Parses a configured rate: `120/60s` is a burst of 120, refilled over 60 s. Null if the text is not a rate. */
export function parseRate(text: string): Rate | null {
  const [, capacity, seconds] = PATTERN.exec(text) ?? []
  return capacity && seconds ? { capacity: Number(capacity), refill: Number(capacity) / Number(seconds) } : null
}

/**
 * The limited actions with their default rates. The variable `RATE_<ACTION>` overrides the default.
 */
export const RATES = {
  command: { default: '1200/60s', noun: 'requests', counts: 'reads and commands of all kinds together' },
  create: { default: '120/60s', noun: 'rooms', counts: 'rooms that a user creates' },
  metadata: { default: '4096/3600s', noun: 'KiB of metadata', counts: 'metadata that a user stores, in KiB' },
  ring: { default: '60/60s', noun: 'calls', counts: 'calls of type `p2p` that a user makes' },
  redial: {
    default: '30/60s',
    noun: 'calls to the same user',
    counts: 'calls and invitations from one user to one other user; a declined one counts five times',
  },
  invite: { default: '2000/60s', noun: 'invitations', counts: 'users that a user invites into groups' },
  join: { default: '120/60s', noun: 'joins', counts: 'joins' },
  signal: { default: '600/30s', noun: 'signals', counts: 'signals that a user sends' },
  subscribe: { default: '600/60s', noun: 'streams', counts: 'subscriptions and event streams that a user opens' },
  message: { default: '3000/30s', noun: 'messages', counts: "messages of all kinds on a user's WebSockets" },
} as const satisfies Record<string, RateRule>

interface RateRule {
  readonly default: string
  /** Noun for the error message: `Too many ${noun}`. */
  readonly noun: string
  /** Description of the counted unit, for the documents. */
  readonly counts: string
}

export type Action = keyof typeof RATES

export const ACTIONS = Object.keys(RATES) as readonly Action[]

/** The variable that configures an action's rate. */
export const rateVariable = <A extends Action>(action: A) => `RATE_${action.toUpperCase() as Uppercase<A>}` as const
