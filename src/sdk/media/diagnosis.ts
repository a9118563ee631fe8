import type { RTCIceServer } from '../dom.ts'

/** What the browser reported while it gathered relay candidates. */
export interface IceEvidence {
  /** Number of relay candidates gathered. */
  readonly relays: number
  /** The `icecandidateerror` events. */
  readonly errors: { readonly url: string; readonly code: number; readonly text: string }[]
}

/** The probable cause why a peer's media does not arrive. */
export type UnreachableReason =
  /** The peer never signalled: its page does not run this package, or hangs. */
  | 'no_answer'
  /** The browsers reject each other's session descriptions. */
  | 'no_agreement'
  /** No direct connection is possible, and no TURN server is configured. */
  | 'no_turn'
  /** The TURN server refused the allocation; `serverCode` is its error code. */
  | 'relay_refused'
  /** The TURN server did not answer. */
  | 'relay_unreachable'
  /** Candidate pairs were tried, and none delivers anything. */
  | 'nothing_arrives'

/** A peer whose media does not arrive. */
export interface UnreachablePeer {
  /** Whose media it is. */
  readonly userId: string
  /** The probable cause. */
  readonly reason: UnreachableReason
  /**
   * With `relay_refused`: the TURN server's error code, for instance 401 or 486
   * ([RFC 8656, section 19](https://www.rfc-editor.org/rfc/rfc8656#section-19)).
   */
  readonly serverCode: number | undefined
}

/** The browser's error code for an unreachable server: https://www.w3.org/TR/webrtc/#rtcpeerconnectioniceerrorevent */
const SERVER_UNREACHABLE = 701

const isTurn = (url: string): boolean => /^turns?:/i.test(url)

/** Whether the ICE servers include a TURN server. */
export const hasTurn = (servers: readonly RTCIceServer[]): boolean =>
  servers.some(({ urls }) => [urls].flat().some(isTurn))

/** Infers the probable cause from what the browser reported; without a report, the peer never answered. */
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

/** The error message; programs use `reason`. */
export function messageOf({ userId, reason, serverCode }: UnreachablePeer): string {
  const why: Readonly<Record<UnreachableReason, string>> = {
    no_answer: 'the peer does not answer',
    no_agreement: 'the browsers do not agree on a session description',
    no_turn: 'no direct connection is possible, and no TURN server is configured',
    relay_refused: `the TURN server refused the allocation (${serverCode})`,
    relay_unreachable: 'the TURN server does not answer',
    nothing_arrives: 'no candidate pair delivers anything',
  }
  return `The media of ${userId} cannot be reached: ${why[reason]}.`
}
