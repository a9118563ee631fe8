import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { badInput, RtcError } from '../../core/errors.ts'

/**
 * What a media service reports of one user in one room. `lost`: the connection was lost; `left`: any other end, deliberate
 * or not.
 */
export interface MediaEvent {
  readonly kind: 'joined' | 'left' | 'lost'
  readonly roomId: string
  /** The user as the service knows them: the user id, or the uid as a decimal number. */
  readonly mediaId: string
  /** Orders the events of one user in one room; equal numbers are the begin and the end of the same stay. */
  readonly position: number
  /** The service's id of the stay; null if it has none. */
  readonly stay: string | null
  /** When it happened, by the service's clock. */
  readonly at: Date
}

/** An event, or that events of a room were lost on their way. */
export type MediaReport = MediaEvent | { readonly kind: 'missed'; readonly roomId: string }

export interface HookRequest {
  readonly headers: IncomingHttpHeaders
  /** The bytes that the service has signed. */
  readonly body: Buffer
  readonly now: Date
}

/** Receives the webhooks of one media service. */
export interface Hook {
  /**
   * Verifies the request, then reads what it reports; empty if it reports nothing about a user's presence.
   *
   * @throws RtcError UNAUTHENTICATED unless the service has signed it recently; BAD_USER_INPUT if it is signed but is not
   *   what the service documents
   */
  receive(request: HookRequest): Promise<readonly MediaReport[]>
  /** The body by which the service knows that the request succeeded. */
  readonly reply: string
}

/** Seconds between the time of a request and the gateway's time, before or after, within which it is accepted. */
export const REPLAY_WINDOW = 600

export const unauthenticated = (message: string): RtcError => new RtcError('UNAUTHENTICATED', message)

/** @throws RtcError UNAUTHENTICATED unless both texts are equal; takes the same time for every text */
export function requireSignature(given: unknown, expected: string): void {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  if (typeof given === 'string' && timingSafeEqual(digest(given), digest(expected))) return
  throw unauthenticated('The signature is missing or wrong.')
}

/** @throws RtcError UNAUTHENTICATED if the request was made outside of the replay window */
export function requireRecent(sentAt: Date, now: Date): void {
  if (Math.abs(now.getTime() - sentAt.getTime()) <= REPLAY_WINDOW * 1000) return
  throw unauthenticated(`The request was made more than ${REPLAY_WINDOW} seconds before or after the gateway's time.`)
}

/**
 * Parses a body. Unlike the bodies of clients it may contain numbers beyond the precision of JavaScript, which some services
 * send in fields that the gateway does not read.
 *
 * @throws RtcError BAD_USER_INPUT
 */
export function parseHook(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw badInput([{ path: '', message: 'The body is not JSON' }])
  }
}

/** @throws RtcError BAD_USER_INPUT unless the milliseconds since the epoch are a time */
export function timeAt(milliseconds: number): Date {
  const time = new Date(milliseconds)
  if (time.getTime() >= 0) return time
  throw badInput([{ path: '', message: 'A time is out of range' }])
}

/**
 * The time of a whole number whose unit is not documented: seconds, or a thousandth, millionth or billionth of one.
 *
 * @throws RtcError BAD_USER_INPUT if it is a time in none of these units
 */
export function timeOf(count: number): Date {
  let milliseconds = count < 1e11 ? count * 1000 : count
  for (let unit = 0; unit < 2 && milliseconds > 1e14; unit += 1) milliseconds /= 1000
  return timeAt(Math.round(milliseconds))
}
