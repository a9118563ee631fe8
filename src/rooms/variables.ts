import { z } from 'zod'
import { count, seconds, type Values } from '../core/variable.ts'
import type { Deadlines } from './rules/decision.ts'

/** `ring`: the call rings anyway; `reject`: it ends as busy at once. */
const BUSY_POLICIES = ['ring', 'reject'] as const

/** `ring`: the call rings anyway; `fail`: it is refused. */
const OFFLINE_POLICIES = ['ring', 'fail'] as const

export interface RoomsConfig {
  readonly deadlines: Deadlines
  /** How a call to a user who is in another call is handled. */
  readonly busyPolicy: (typeof BUSY_POLICIES)[number]
  /** How a call that can reach no device of the callee is handled. */
  readonly offlinePolicy: (typeof OFFLINE_POLICIES)[number]
  readonly quotas: {
    /** Rooms of one user that may be live at the same time. */
    readonly liveRoomsMax: number
    /** Calls and invitations that may ring for one user at the same time. */
    readonly ringingMax: number
  }
}

export const roomVariables = {
  RING_TIMEOUT: seconds(45),
  DISCONNECT_GRACE: seconds(20),
  EMPTY_TIMEOUT: seconds(30),
  MAX_DURATION: seconds(86_400),
  BUSY_POLICY: z.enum(BUSY_POLICIES).default('ring'),
  RING_OFFLINE: z.enum(OFFLINE_POLICIES).default('ring'),
  LIVE_ROOMS_MAX: count(1000),
  RINGING_MAX: count(8, 1000),
}

export const roomsConfig = (env: Values<typeof roomVariables>): RoomsConfig => ({
  deadlines: {
    ring: env.RING_TIMEOUT,
    grace: env.DISCONNECT_GRACE,
    empty: env.EMPTY_TIMEOUT,
    maxDuration: env.MAX_DURATION,
  },
  busyPolicy: env.BUSY_POLICY,
  offlinePolicy: env.RING_OFFLINE,
  quotas: { liveRoomsMax: env.LIVE_ROOMS_MAX, ringingMax: env.RINGING_MAX },
})
