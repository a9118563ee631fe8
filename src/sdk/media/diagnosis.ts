import type { RTCIceServer } from '../dom.ts'
/** What a browser has told of its attempts to gather relay candidates. */
export interface IceEvidence {
  /** Relay candidates that were gathered. */
  readonly relays: number
  /** From `icecandidateerror`. */
  readonly errors: { readonly url: string; readonly code: number; readonly text: string }[]
}

/** Why the media of a peer is likely not to arrive. */
export type UnreachableReason =
  /** Nothing was heard of the peer: their page does not run this package, or hangs. */
  | 'no_answer'
  /** The two browsers refuse each other's descriptions. */
  | 'no_agreement'
  /** No direct way, and no TURN server is configured. */
  | 'no_turn'
  /** The TURN server refused; `serverCode` is its code. */
  | 'relay_refused'
  /** The TURN server did not answer. */
  | 'relay_unreachable'
  /** There were ways to try, and nothing arrives by any. */
  | 'nothing_arrives'

/** A peer whose media does not arrive. */
export interface UnreachablePeer {
  readonly userId: string
  readonly reason: UnreachableReason
  /** With `relay_refused`: the STUN error code of the TURN server, for instance 401 or 486 (RFC 8656, section 19). */
  readonly serverCode: number | undefined
}

/** The browser's own code where a server could not be reached: https://www.w3.org/TR/webrtc/#rtcpeerconnectioniceerrorevent */
const SERVER_UNREACHABLE = 701

const isTurn = (url: string): boolean => /^turns?:/i.test(url)

/** Whether there is a TURN server among the ICE servers. */
export const hasTurn = (servers: readonly RTCIceServer[]): boolean =>
  servers.some(({ urls }) => [urls].flat().some(isTurn))

export function diagnose(
  userId: string,
  evidence: IceEvidence | undefined,
  iceServers: readonly RTCIceServer[],
): UnreachablePeer {
  const unreachable = (reason: UnreachableReason, serverCode?: number) => ({ userId, reason, serverCode })
  if (!evidence) return unreachable('no_answer')
  if (!hasTurn(iceServers)) return unreachable('no_turn')
  if (evidence.relays > 0) return unreachable('nothing_arrives')
  const errors = evidence.errors.filter(({ url }) => isTurn(url))
  const refusal = errors.find(({ code }) => code !== SERVER_UNREACHABLE)
  if (refusal) return unreachable('relay_refused', refusal.code)
  return unreachable(errors.length > 0 ? 'relay_unreachable' : 'nothing_arrives')
}

/** For people; programs use the reason. */
export function messageOf({ userId, reason, serverCode }: UnreachablePeer): string {
  const why: Readonly<Record<UnreachableReason, string>> = {
    no_answer: 'they do not answer',
    no_agreement: 'the two browsers do not agree on a connection',
    no_turn: 'there is no direct way, and no TURN server is configured',
    relay_refused: `the TURN server refuses (${serverCode})`,
    relay_unreachable: 'the TURN server does not answer',
    nothing_arrives: 'nothing arrives by any way',
  }
  return `The media of ${userId} cannot be reached: ${why[reason]}.`
}
