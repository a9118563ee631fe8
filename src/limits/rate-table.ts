import type { Rate } from './token-bucket.ts'

const PATTERN = /^([1-9]\d{0,8})\/([1-9]\d{0,5})s$/

/** Reads a rate as it is configured: `120/60s` is 120 at once, refilled over 60 s. Null for anything else. */
export function parseRate(text: string): Rate | null {
  const [, capacity, seconds] = PATTERN.exec(text) ?? []
  return capacity && seconds ? { capacity: Number(capacity), refill: Number(capacity) / Number(seconds) } : null
}

/**
 * What users do, what one of it costs, and how much of it they may do unless the configuration says otherwise. Each
 * action is configured by the variable `RATE_<ACTION>`.
 */
export const RATES = {
  command: { default: '1200/60s', noun: 'requests', counts: 'reads and commands of all kinds together' },
  create: { default: '120/60s', noun: 'rooms', counts: 'rooms that a user creates' },
  metadata: { default: '4096/3600s', noun: 'KiB of metadata', counts: 'KiB of metadata that a user stores' },
  ring: { default: '60/60s', noun: 'calls', counts: 'calls between two that a user makes' },
  redial: {
    default: '30/60s',
    noun: 'calls to the same person',
    counts: 'calls and invitations from one user to the same other one; one that was declined counts five times',
  },
  invite: { default: '2000/60s', noun: 'invitations', counts: 'users whom a user invites into groups' },
  join: { default: '120/60s', noun: 'joins', counts: 'joins' },
  signal: { default: '600/30s', noun: 'signals', counts: 'signals that a user sends' },
  subscribe: { default: '600/60s', noun: 'streams', counts: 'subscriptions and event streams that a user opens' },
  message: { default: '3000/30s', noun: 'messages', counts: "messages on a user's sockets, of all kinds together" },
} as const satisfies Record<string, RateRule>

interface RateRule {
  readonly default: string
  /** What there are too many of, in the error's sentence. */
  readonly noun: string
  /** What is counted, for the documents. */
  readonly counts: string
}

export type Action = keyof typeof RATES

export const ACTIONS = Object.keys(RATES) as readonly Action[]

/** The variable that configures an action's rate. */
export const rateVariable = <A extends Action>(action: A) => `RATE_${action.toUpperCase() as Uppercase<A>}` as const
